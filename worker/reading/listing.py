"""Reads clusters for people: one, many, a page of a listing, the images of one. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from worker.keyspace import Keyspace
from worker.records import Record, unpack_record
from worker.scripts import Scripts

Order = Literal["size", "last", "first"]
"""What a listing is sorted by, the greatest first: number of images, last seen, first seen."""

LOOK_AT = 5000
"""Clusters that one page may look at while a filter drops them: 20 ms of the server's time."""

SOURCE_DEPTH = 20
"""Latest images of a cluster among which a source is looked for."""

MAX_NUMBER = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as it is now: how many images, the first and the last of them."""

    phash: int
    images: int
    first: Record
    last: Record


@dataclass(frozen=True, slots=True)
class Position:
    """The end of a page: the next one begins below this pair, whatever has moved meanwhile."""

    score: int
    phash: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which clusters a listing gives: of so many images at least, last seen within numbers, with a source lately."""

    min_images: int = 2
    last_from: int = 0
    last_to: int = MAX_NUMBER
    source: str = ""


class UnknownImageError(ValueError):
    """Raised when a position within a cluster is none of its images."""


class Listing:
    """The clusters of one archive, to look at. Safe to use from several threads; one round trip a method."""

    def __init__(self, scripts: Scripts, *, keys: Keyspace) -> None:
        self._scripts = scripts
        self._keys = keys

    def describe(self, phashes: Sequence[int]) -> list[Cluster | None]:
        """Read several clusters; None where no image has the hash."""
        if not phashes:
            return []
        args = [phash.to_bytes(8, "big") for phash in phashes]
        found = self._scripts.call("describe", [], args)[1:]
        return [_cluster(phash, row) if row else None for phash, row in zip(phashes, found, strict=True)]

    def page(
        self, order: Order, *, only: Filter, after: Position | None, limit: int
    ) -> tuple[list[Cluster], Position | None]:
        """Give a page of the clusters of two images or more, and where the next one begins; None at the end.

        A page may be short, or empty, before the end: a filter that drops nearly all is followed for 5,000 clusters.
        """
        keys = self._keys
        listing = {"size": keys.by_size, "last": keys.by_last, "first": keys.by_first}[order]
        reply = self._scripts.call(
            "list",
            [listing],
            [
                "" if after is None else after.score,
                "" if after is None else f"{after.phash:016x}",
                limit,
                LOOK_AT,
                only.min_images,
                only.last_from,
                only.last_to,
                only.source,
                SOURCE_DEPTH,
            ],
        )
        _, score, phash, *rows = reply
        clusters = [_cluster(int(row[0], 16), row[1:]) for row in rows]
        return clusters, Position(int(score), int(phash, 16)) if phash else None

    def images(self, phash: int, *, below: int | None, limit: int) -> list[Record]:
        """Give images of one cluster, the latest first, from image number `below` on, which is left out.

        Raises:
            UnknownImageError: `below` is no image of this cluster.
        """
        args = [phash.to_bytes(8, "big"), "" if below is None else below, limit]
        reply = self._scripts.call("walk", [], args)
        if reply[0] == b"UNKNOWN":
            raise UnknownImageError(f"image number {below} is not in cluster {phash:016x}")
        return [
            unpack_record(number, stored) for number, stored in zip(reply[1::2], reply[2::2], strict=True)
        ]

    def image(self, image_id: str) -> Record | None:
        """Look an image up by its id; None where it was never recorded."""
        bucket = self._keys.ids(image_id).removeprefix(self._keys.prefix)
        found = self._scripts.call("known", [], [bucket, image_id])[1]
        return unpack_record(found[0], found[1]) if found else None

    def number_at(self, milliseconds: int) -> int:
        """Give the number of the first image seen at that time or later; the next number where there is none."""
        return int(self._scripts.call("bisect", [self._keys.counters], [max(0, milliseconds)])[1])


def _cluster(phash: int, row: Sequence[Any]) -> Cluster:
    images, first, first_stored, last, last_stored = row
    return Cluster(phash, images, unpack_record(first, first_stored), unpack_record(last, last_stored))
