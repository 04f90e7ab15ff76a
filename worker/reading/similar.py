"""Finds the clusters that look like a hash: what a person asks, as a worker would find it."""

from collections.abc import Iterator

import numpy as np

from worker.events import Match
from worker.reading.gallery import Gallery
from worker.replica import Replica

_PAGE = 200


def find_similar(phash: int, *, replica: Replica, gallery: Gallery, max_distance: int) -> Iterator[Match]:
    """Give the clusters within `max_distance` bits of `phash`, nearest first, its own at distance 0 included.

    Hashes with too little texture are not in the log: they are neither found nor find anything.
    """
    query = np.array([phash], dtype=np.uint64)
    hashes, distances = replica.search(query, max_distance=max_distance)[0]
    for at in range(0, len(hashes), _PAGE):
        page = [int(found) for found in hashes[at : at + _PAGE]]
        for found, distance, story in zip(
            page, distances[at : at + _PAGE], gallery.stories(page), strict=True
        ):
            yield Match(found, int(distance), story)
