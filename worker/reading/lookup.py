"""Searches for people: a hash in; its cluster and its look-alikes as they are now out."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from worker.clusters import is_searchable
from worker.reading.listing import Cluster, Listing
from worker.replica import Replica

_PAGE = 200


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A cluster at `distance` bits from what was searched for."""

    distance: int
    cluster: Cluster


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search: `exact` is the cluster with the very hash, `match_count` counts all look-alikes.

    `matches` are the nearest of them, `further` gives the others, read as they are asked for.
    A hash with too little texture is not searched for: then there are no matches and `is_searchable` is False.
    """

    phash: int
    is_searchable: bool
    max_distance: int
    exact: Cluster | None
    matches: list[LookAlike]
    further: Iterator[LookAlike]
    match_count: int
    histogram: dict[int, int]


class Lookup:
    """Searches one archive. Safe to use from several threads; the replica serves one of them at a time."""

    def __init__(self, replica: Replica, listing: Listing) -> None:
        self._replica = replica
        self._lock = threading.Lock()
        self._listing = listing

    def rows(self) -> int:
        """Follow the log to its present end, and give the count of rows."""
        with self._lock:
            self._replica.catch_up()
            return self._replica.rows

    def held_rows(self) -> int:
        """Give the count of rows that were followed so far, without asking the server."""
        with self._lock:
            return self._replica.rows

    def find(self, phash: int, *, max_distance: int, limit: int) -> Found:
        """Find the cluster of a hash and the `limit` nearest of the clusters within `max_distance` bits, inclusive.

        Cost: two round trips and a query of the index.
        """
        near: list[int] = []
        distances: list[int] = []
        if is_searchable(phash):
            with self._lock:
                [(hashes, bits)] = self._replica.search(
                    np.array([phash], dtype=np.uint64), max_distance=max_distance
                )
            is_other = hashes != np.uint64(phash)
            near, distances = hashes[is_other].tolist(), bits[is_other].tolist()
        exact, *others = self._listing.describe([phash, *near[:limit]])
        counted = np.bincount(np.array(distances, dtype=np.int64), minlength=max_distance + 1)
        return Found(
            phash=phash,
            is_searchable=is_searchable(phash),
            max_distance=max_distance,
            exact=exact,
            matches=_pairs(distances, others),
            further=self._further(near[limit:], distances[limit:]),
            match_count=len(near),
            histogram=dict(enumerate(counted.tolist())),
        )

    def _further(self, near: Sequence[int], distances: Sequence[int]) -> Iterator[LookAlike]:
        for at in range(0, len(near), _PAGE):
            page = slice(at, at + _PAGE)
            yield from _pairs(distances[page], self._listing.describe(near[page]))


def find_nothing(phash: int, *, max_distance: int) -> Found:
    """Give what an archive that is not there yet has of a hash."""
    return Found(phash, is_searchable(phash), max_distance, None, [], iter(()), 0, {})


def _pairs(distances: Sequence[int], clusters: Sequence[Cluster | None]) -> list[LookAlike]:
    """Pair what a failover left."""
    return [
        LookAlike(distance, cluster)
        for distance, cluster in zip(distances, clusters, strict=False)
        if cluster is not None
    ]
