"""Files images: number, cluster, log and record in one atomic step; and reads what was filed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from redis.exceptions import OutOfMemoryError

from producer.messages import derived_id
from worker.entries import Entry
from worker.keyspace import Keyspace
from worker.records import ImageFacts, Record, pack_body, unpack_record
from worker.scripts import Scripts

SEARCHABLE_BITS = 32
"""Set bits of the pHash of any picture with texture; all others tell too little to be searched for or found."""


class NotFiled(Enum):
    """Why `record` filed nothing."""

    LOST = "LOST"
    """The entry is no longer the caller's."""

    CONFLICT = "CONFLICT"
    """The id was derived from the URL, and is stored with another URL."""

    FULL = "FULL"
    """The server is at its `maxmemory`."""


@dataclass(frozen=True, slots=True)
class ClusterStory:
    """A look-alike cluster as it was before a certain image: `images` of lower number, the first, the last of them."""

    images: int
    first: Record
    last: Record


def is_searchable(phash: int) -> bool:
    """Tell whether a hash has enough texture to be in the log."""
    return phash.bit_count() == SEARCHABLE_BITS


class Clusters:
    """The clusters of one archive. Every method is one round trip."""

    def __init__(self, scripts: Scripts, *, keys: Keyspace, consumer: str) -> None:
        self._scripts = scripts
        self._keys = keys
        self._consumer = consumer

    def known(self, image_ids: Sequence[str]) -> list[Record | None]:
        """Look images up by id; None for those that were never recorded."""
        if not image_ids:
            return []
        args: list[str] = []
        for image_id in image_ids:
            args += (self._keys.ids(image_id).removeprefix(self._keys.prefix), image_id)
        return [
            unpack_record(found[0], found[1]) if found else None
            for found in self._scripts.call("known", [], args)[1:]
        ]

    def record(self, batch: Sequence[tuple[Entry, ImageFacts]]) -> list[Record | NotFiled]:
        """File each image, or give what was filed before under its id."""
        keys = self._keys
        replies = self._scripts.call_many(
            [
                (
                    "record",
                    [
                        entry.stream,
                        keys.ids(image.id),
                        keys.cluster(image.phash),
                        keys.counters,
                        keys.by_size,
                        keys.by_last,
                        keys.seals,
                    ],
                    [
                        self._consumer,
                        entry.id,
                        entry.delivery,
                        image.id,
                        image.url if image.id == derived_id(image.url) else "",
                        image.phash.to_bytes(8, "big"),
                        int(is_searchable(image.phash)),
                        pack_body(image),
                    ],
                )
                for entry, image in batch
            ],
            passing=(OutOfMemoryError,),
        )
        return [_read_filed(reply) for reply in replies]

    def look_back(
        self, batch: Sequence[tuple[Record, Sequence[int]]], *, copies: int
    ) -> list[tuple[list[Record], list[ClusterStory | None]]]:
        """Read, for each record, its latest earlier copies (latest first), and each cluster named by its phash.

        Everything read lies below the record's number, so the answer is the same whenever it is asked. A cluster that a
        failover took is None.
        """
        replies = self._scripts.call_many(
            [
                (
                    "look_back",
                    [],
                    [
                        record.number,
                        record.image.phash.to_bytes(8, "big"),
                        copies,
                        *(phash.to_bytes(8, "big") for phash in phashes),
                    ],
                )
                for record, phashes in batch
            ]
        )
        return [
            (
                [unpack_record(number, stored) for number, stored in reply[1]],
                [
                    ClusterStory(found[0], unpack_record(-1, found[1]), unpack_record(-1, found[2]))
                    if found
                    else None
                    for found in reply[2:]
                ],
            )
            for reply in replies
        ]


def _read_filed(reply: Any) -> Record | NotFiled:  # noqa: ANN401 - what redis-py gives
    if isinstance(reply, OutOfMemoryError):
        return NotFiled.FULL
    return unpack_record(reply[1], reply[2]) if reply[0] == b"OK" else NotFiled(reply[0].decode())
