"""Clusters within a stretch of time: dates become numbers of images, and the numbers' hashes are counted.

The times of records never fall, so the images of a period are those between two numbers, found by bisection.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import redis
from numpy.typing import NDArray

from worker.keyspace import BUCKET_IMAGES, Keyspace
from worker.reading.gallery import URLS, Cluster
from worker.records import Record, unpack_record
from worker.scripts import Scripts

_PAGE_BUCKETS = 16
_PAGE_CLUSTERS = 20


class Period(NamedTuple):
    """The images from number `first` up to, not including, number `end`."""

    first: int
    end: int


class Periods:
    """Reads the clusters of one archive as if it held nothing but the images of a period."""

    def __init__(self, client: redis.Redis, *, keys: Keyspace, uuid: str) -> None:
        self._client: Any = client  # redis-py's types are unions of all that any setting could give
        self._keys = keys
        self._scripts = Scripts(client, keys=keys, uuid=uuid)

    def between(self, since_ms: int | None, until_ms: int | None) -> Period:
        """Give the images seen at or after `since_ms` and before `until_ms`; None stands for no border.

        About 2 log2(n) round trips for an archive of n images.
        """
        images = int(self._client.hget(self._keys.counters, "images") or 0)
        first = 0 if since_ms is None else bisect_left(range(images), since_ms, key=self.seen_at_ms)
        end = images if until_ms is None else bisect_left(range(images), until_ms, key=self.seen_at_ms)
        return Period(first, max(first, end))

    def largest(
        self, period: Period, *, min_size: int, limit: int | None, urls: int = URLS
    ) -> Iterator[Cluster]:
        """Give the clusters with `min_size` images or more within the period, by that size.

        Size, first image and latest images are those of the period. Reads the hash of each of its images: a million
        take a second, and 24 bytes of memory each.
        """
        hashes = self._hashes(period)
        by_hash = np.argsort(hashes, kind="stable")
        phashes, starts, counts = np.unique(hashes[by_hash], return_index=True, return_counts=True)
        order = np.lexsort((phashes, counts))[::-1]
        order = order[counts[order] >= min_size][:limit]
        for at in range(0, len(order), _PAGE_CLUSTERS):
            page = order[at : at + _PAGE_CLUSTERS]
            numbers = [by_hash[starts[row] : starts[row] + counts[row]] + period.first for row in page]
            yield from self._read(phashes[page], numbers, urls=urls)

    def _read(
        self, phashes: NDArray[np.uint64], numbers: list[NDArray[np.intp]], *, urls: int
    ) -> Iterator[Cluster]:
        """Read the images that clusters show; `numbers` are those of each cluster, ascending."""
        shown = [[int(own[0]), *(int(number) for number in own[::-1][:urls])] for own in numbers]
        with self._client.pipeline(transaction=False) as pipe:
            for row in shown:
                for number in row:
                    pipe.hget(self._keys.records(number), number)
            stored = iter(pipe.execute())
        for phash, own, found in zip(phashes, numbers, shown, strict=True):
            records = [unpack_record(number, next(stored)) for number in found]
            yield Cluster(int(phash), len(own), records[0], tuple(records[1:]))

    def _hashes(self, period: Period) -> NDArray[np.uint64]:
        """Read the hashes of all images of a period, in the order of their numbers."""
        hashes = np.empty(period.end - period.first, np.uint64)
        if not len(hashes):
            return hashes
        last_bucket = (period.end - 1) // BUCKET_IMAGES
        for bucket in range(period.first // BUCKET_IMAGES, last_bucket + 1, _PAGE_BUCKETS):
            page = [bucket, min(bucket + _PAGE_BUCKETS - 1, last_bucket)]
            found = np.frombuffer(b"".join(self._scripts.call("phashes", [], page)[1:]), dtype=">u8")
            at = bucket * BUCKET_IMAGES
            low, high = max(period.first, at), min(period.end, at + len(found))
            hashes[low - period.first : high - period.first] = found[low - at : high - at]
        return hashes

    def seen_at_ms(self, number: int) -> int:
        """Give the time of an image that is there, in ms since 1970."""
        record: Record = unpack_record(number, self._client.hget(self._keys.records(number), number))
        return record.seen_at_ms
