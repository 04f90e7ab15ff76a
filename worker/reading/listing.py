"""Reads clusters for people: one, many, a page of a listing, all of one, the images of one. Nothing here writes.

Every cluster is told as it was at one moment: what is filed while one reads changes none that was begun.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from worker.keyspace import Keyspace
from worker.records import Record, unpack_record
from worker.scripts import Scripts, Value

Order = Literal["size", "last", "first"]
"""What a listing is sorted by, the greatest first: number of images, last seen, first seen."""

LOOK_AT = 5000
"""Clusters that one page may look at while a filter drops them: 20 ms of the server's time."""

SOURCE_DEPTH = 20
"""Latest images of a cluster among which a source is looked for."""

MAX_NUMBER = 2**32 - 1

_PAGE_CLUSTERS = 25
_PAGE_IMAGES = 500


@dataclass(frozen=True, slots=True)
class Cluster:
    """The images with one phash: how many, the first of them, and the latest ones, latest first (one at least)."""

    phash: int
    images: int
    first: Record
    latest: tuple[Record, ...]

    @property
    def last(self) -> Record:
        """The last image."""
        return self.latest[0]


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

    def describe(self, phashes: Sequence[int], *, latest: int = 1) -> list[Cluster | None]:
        """Read several clusters, each with its `latest` images; None where no image has the hash."""
        if not phashes:
            return []
        args: list[Value] = [latest, *(phash.to_bytes(8, "big") for phash in phashes)]
        return [_cluster(row) if row else None for row in self._scripts.call("describe", [], args)[1:]]

    def page(
        self, order: Order, *, only: Filter, after: Position | None, limit: int, latest: int = 1
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
                latest,
            ],
        )
        _, score, phash, *rows = reply
        return [_cluster(row) for row in rows], Position(int(score), int(phash, 16)) if phash else None

    def largest(self, *, min_images: int, limit: int | None, latest: int) -> Iterator[Cluster]:
        """Give the clusters of `min_images` images or more, 2 at least, by size, a page of them a round trip."""
        after: Position | None = None
        left = MAX_NUMBER if limit is None else limit
        while left:
            clusters, after = self.page(
                "size",
                only=Filter(min_images=min_images),
                after=after,
                limit=min(left, _PAGE_CLUSTERS),
                latest=latest,
            )
            yield from clusters
            left -= len(clusters)
            if after is None:
                return

    def images(self, phash: int, *, below: int | None, limit: int) -> list[Record]:
        """Give images of one cluster, the latest first, from image number `below` on, which is left out.

        Raises:
            UnknownImageError: `below` is no image of this cluster.
        """
        args = [phash.to_bytes(8, "big"), "" if below is None else below, limit]
        reply = self._scripts.call("walk", [], args)
        if reply[0] == b"UNKNOWN":
            raise UnknownImageError(f"image number {below} is not in cluster {phash:016x}")
        return _records(reply[1:])

    def all_images(self, cluster: Cluster) -> Iterator[Record]:
        """Give all images of a cluster as it was when it was read, latest first, in constant memory."""
        page: Sequence[Record] = cluster.latest
        yield from page
        while page[-1].rank:
            page = self.images(cluster.phash, below=page[-1].number, limit=_PAGE_IMAGES)
            yield from page

    def image(self, image_id: str) -> Record | None:
        """Look an image up by its id; None where it was never recorded."""
        bucket = self._keys.ids(image_id).removeprefix(self._keys.prefix)
        found = self._scripts.call("known", [], [bucket, image_id])[1]
        return unpack_record(found[0], found[1]) if found else None


def _cluster(row: Sequence[Any]) -> Cluster:
    images, first, first_stored, *latest = row
    records = _records(latest)
    return Cluster(records[0].image.phash, images, unpack_record(first, first_stored), tuple(records))


def _records(row: Sequence[Any]) -> list[Record]:
    return [unpack_record(number, stored) for number, stored in zip(row[::2], row[1::2], strict=True)]
