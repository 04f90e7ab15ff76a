"""The clusters of an archive as people look at them: the largest of them, and one with all its images.

Everything is told as it was at one moment: what is filed while one reads changes no cluster that was begun.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from worker.clusters import ClusterStory
from worker.keyspace import Keyspace
from worker.records import Record, unpack_record
from worker.scripts import Scripts

URLS = 20
"""Images that a cluster in a list shows at most."""

_PAGE_CLUSTERS = 20
_PAGE_IMAGES = 500


@dataclass(frozen=True, slots=True)
class Cluster:
    """The images with one phash: how many, the first of them, and the latest ones, latest first (one at least)."""

    phash: int
    images: int
    first: Record
    latest: tuple[Record, ...]


class Gallery:
    """Reads the clusters of one archive; every page is two round trips."""

    def __init__(self, client: redis.Redis, *, keys: Keyspace, uuid: str) -> None:
        self._client: Any = client  # redis-py's types are unions of all that any setting could give
        self._keys = keys
        self._scripts = Scripts(client, keys=keys, uuid=uuid)

    def largest(self, *, min_size: int, limit: int | None, urls: int = URLS) -> Iterator[Cluster]:
        """Give the clusters of `min_size` images or more, 2 at least, by size, each with its `urls` latest images."""
        page_before: set[int] = set()
        at = 0
        while size := _PAGE_CLUSTERS if limit is None else min(_PAGE_CLUSTERS, limit - at):
            names = self._client.zrevrangebyscore(self._keys.by_size, "+inf", min_size, start=at, num=size)
            phashes = [int(name, 16) for name in names]
            # What grew meanwhile has pushed others down, from the page before to this one.
            yield from self._read([phash for phash in phashes if phash not in page_before], urls=urls)
            page_before = set(phashes)
            at += len(phashes)
            if len(phashes) < size:
                return

    def cluster(self, phash: int, *, urls: int = URLS) -> Cluster | None:
        """Give one cluster with its `urls` latest images; None where no image has this hash."""
        return next(self._read([phash], urls=urls), None)

    def stories(self, phashes: Sequence[int]) -> list[ClusterStory]:
        """Give size, first and last image of clusters that are there."""
        return [
            ClusterStory(cluster.images, cluster.first, cluster.latest[0])
            for cluster in self._read(phashes, urls=1)
        ]

    def images_of(self, cluster: Cluster) -> Iterator[Record]:
        """Give all images of a cluster, latest first, in constant memory."""
        yield from cluster.latest
        last = cluster.latest[-1]
        while last.rank:
            page = self._walk_back([last.previous], images=_PAGE_IMAGES)[0][1]
            yield from page
            last = page[-1]

    def _read(self, phashes: Sequence[int], *, urls: int) -> Iterator[Cluster]:
        with self._client.pipeline(transaction=False) as pipe:
            for phash in phashes:
                pipe.zscore(self._keys.by_last, f"{phash:016x}")
                pipe.srandmember(self._keys.cluster(phash))
            replies = pipe.execute() if phashes else []
        lasts = {
            phash: int(last if last is not None else only)
            for phash, last, only in zip(phashes, replies[::2], replies[1::2], strict=True)
            if only is not None
        }
        for phash, (first, images) in zip(
            lasts, self._walk_back(list(lasts.values()), images=urls), strict=True
        ):
            yield Cluster(phash, images[0].rank + 1, first, tuple(images))

    def _walk_back(self, numbers: Sequence[int], *, images: int) -> list[tuple[Record, list[Record]]]:
        """Give for each number the first image of its cluster, and up to `images` from the number back."""
        if not numbers:
            return []
        pages = []
        for first, *found in self._scripts.call("walk_back", [], [images, *numbers])[1:]:
            back = [
                unpack_record(number, stored) for number, stored in zip(found[::2], found[1::2], strict=True)
            ]
            pages.append((unpack_record(back[0].first, first), back))
        return pages
