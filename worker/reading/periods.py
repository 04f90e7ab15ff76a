"""Clusters within a stretch of time: dates become numbers of images, and the numbers' hashes are counted.

The times of records never fall, so the images of a period are those between two numbers, found by bisection.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import redis
from numpy.typing import NDArray

from worker.keyspace import BUCKET_IMAGES, Keyspace
from worker.reading.listing import Cluster
from worker.records import unpack_record
from worker.scripts import Scripts

_PAGE_BUCKETS = 16
_PAGE_CLUSTERS = 20
_COUNTED_AT_ONCE = 1 << 20
_MAX_MS = 2**48 - 1


class Period(NamedTuple):
    """The images from number `first` up to, not including, number `end`."""

    first: int
    end: int


class Periods:
    """Reads the clusters of one archive as if it held nothing but the images of a period."""

    def __init__(self, client: redis.Redis, scripts: Scripts, *, keys: Keyspace) -> None:
        self._client: Any = client  # redis-py's types are unions of all that any setting could give
        self._scripts = scripts
        self._keys = keys

    def number_at(self, milliseconds: int) -> int:
        """Give the number of the first image seen at that time or later; the next number where there is none."""
        moment = max(0, min(milliseconds, _MAX_MS))
        return int(self._scripts.call("bisect", [self._keys.counters], [moment])[1])

    def between(self, since_ms: int | None, until_ms: int | None) -> Period:
        """Give the images seen at or after `since_ms` and before `until_ms`; None stands for no border."""
        first = 0 if since_ms is None else self.number_at(since_ms)
        end = self.number_at(_MAX_MS if until_ms is None else until_ms)
        return Period(first, max(first, end))

    def largest(
        self, period: Period, *, min_images: int, limit: int | None, latest: int
    ) -> Iterator[Cluster]:
        """Give the clusters with `min_images` images or more within the period, by that size.

        Size, first image and `latest` images are those of the period. Reads the hash of each of its images: a million
        take a second, and 24 bytes of memory each.
        """
        hashes = self._hashes(period)
        by_hash = np.argsort(hashes, kind="stable")
        phashes, starts, counts = np.unique(hashes[by_hash], return_index=True, return_counts=True)
        order = np.lexsort((phashes, counts))[::-1]
        order = order[counts[order] >= min_images][:limit]
        for at in range(0, len(order), _PAGE_CLUSTERS):
            page = order[at : at + _PAGE_CLUSTERS]
            numbers = [by_hash[starts[row] : starts[row] + counts[row]] + period.first for row in page]
            yield from self._read(phashes[page], numbers, latest=latest)

    def most_frequent(self, period: Period, *, limit: int) -> list[tuple[int, int]]:
        """Give the `limit` hashes that most images of the period have, each with their number, the greatest first.

        A million images take a second and a half, and 8 bytes of memory each.
        """
        hashes = self._hashes(period)
        hashes.sort()
        phashes, counts = hashes[:0], np.empty(0, np.int64)
        at = 0
        while at < len(hashes):
            # A piece ends where a hash does.
            end = int(
                np.searchsorted(hashes, hashes[min(at + _COUNTED_AT_ONCE, len(hashes)) - 1], side="right")
            )
            piece = hashes[at:end]
            starts = np.append(0, np.flatnonzero(piece[1:] != piece[:-1]) + 1)
            phashes = np.append(phashes, piece[starts])
            counts = np.append(counts, np.diff(starts, append=len(piece)))
            order = np.lexsort((phashes, counts))[::-1][:limit]
            phashes, counts = phashes[order], counts[order]
            at = end
        return list(zip(phashes.tolist(), counts.tolist(), strict=True))

    def _read(
        self, phashes: NDArray[np.uint64], numbers: list[NDArray[np.intp]], *, latest: int
    ) -> Iterator[Cluster]:
        """Read the images that clusters show; `numbers` are those of each cluster, ascending."""
        shown = [[int(own[0]), *(int(number) for number in own[::-1][:latest])] for own in numbers]
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
