"""Counts what must agree in an archive, while it is in use: entries, clusters, records, the log, its seals.

Every finding is looked at twice, or counted between two readings of the counters, so that work which goes on meanwhile
is no finding. Cost: it reads every cluster and every record; about a minute for a million images.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import redis
from redis.exceptions import ResponseError

from producer.names import GROUP, LANES
from worker.clusters import is_searchable
from worker.indexing.hash_log import ROW_BYTES
from worker.keyspace import BUCKET_IMAGES, SEGMENT_ROWS, Keyspace

_PAGE = 1000
_PHASH = slice(1, 9)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: how many there are, and what to do about it."""

    name: str
    count: int
    told: str
    advice: str


def check_archive(client: redis.Redis, keys: Keyspace) -> list[Finding]:
    """Count what must agree; a healthy archive has 0 everywhere."""
    images, rows = _counters(client, keys)
    strays = sum(_count_strays(client, keys.stream(lane)) for lane in LANES)
    clusters, without_record = _read_clusters(client, keys, images)
    without_member = images - sum(1 for _ in _records(client, keys, images))
    log = _read_log(client, keys)
    _, rows_after = _counters(client, keys)
    searchable = {phash for phash in clusters if is_searchable(phash)}
    early, late = log[:rows], log[:rows_after]
    return [
        Finding(
            "entries_out_of_reach",
            strays,
            "entries of the lanes that were delivered and belong to nobody",
            "somebody removed a consumer or an acknowledgement by hand: `XGROUP SETID <lane> workers 0` delivers "
            "the lane again, and what is done already ends at once",
        ),
        Finding(
            "members_without_record",
            without_record,
            "members of clusters whose record is missing, or has another hash",
            "restore a backup: records were deleted or evicted (`maxmemory-policy` must be noeviction)",
        ),
        Finding(
            "numbers_without_record",
            max(0, without_member),
            "numbers that were given and have no record",
            "restore a backup: records were deleted or evicted (`maxmemory-policy` must be noeviction)",
        ),
        Finding(
            "rows_without_cluster",
            len(set(early) - searchable),
            "rows of the log whose cluster is missing",
            "restore a backup: clusters were deleted or evicted",
        ),
        Finding(
            "clusters_without_row",
            len(searchable - set(late)),
            "clusters of textured images that are not in the log, and so are never found",
            "restore a backup: the log was cut short",
        ),
        Finding(
            "rows_twice",
            len(late) - len(set(late)),
            "hashes that are in the log more than once",
            "restore a backup: the log was written by something else",
        ),
        Finding(
            "seals_broken",
            _count_broken_seals(client, keys, rows),
            "full segments of the log that do not have the digest of their seal",
            "restore a backup: the log was changed; delete the index's files (LOOKALIKE_CACHE_DIR) afterwards",
        ),
    ]


def _counters(client: redis.Redis, keys: Keyspace) -> tuple[int, int]:
    images, rows = cast("list[bytes | None]", client.hmget(keys.counters, ["images", "rows"]))
    return int(images or 0), int(rows or 0)


def _count_strays(client: redis.Redis, stream: str) -> int:
    """Count entries up to the last delivered one that are pending for nobody; each is looked at twice."""
    try:
        groups = client.xinfo_groups(stream)
    except ResponseError:
        return 0  # no entry yet
    delivered = next(
        (group["last-delivered-id"] for group in groups if group["name"] == GROUP.encode()), None
    )
    if delivered is None:
        return 0
    strays = 0
    start = "-"
    while page := cast("list[Any]", client.xrange(stream, min=start, max=delivered, count=_PAGE)):
        ids = [entry_id for entry_id, _ in page]
        held = _pending(client, stream, ids)
        strays += sum(_is_stray(client, stream, entry_id) for entry_id in ids if entry_id not in held)
        start = f"({ids[-1].decode()}"
    return strays


def _pending(client: redis.Redis, stream: str, ids: list[bytes]) -> set[bytes]:
    rows = client.xpending_range(stream, GROUP, min=ids[0], max=ids[-1], count=10 * _PAGE)
    return {row["message_id"] for row in cast("list[dict[str, Any]]", rows)}


def _is_stray(client: redis.Redis, stream: str, entry_id: bytes) -> bool:
    # The entry last: one that has ended meanwhile is gone.
    return not _pending(client, stream, [entry_id]) and bool(
        client.xrange(stream, min=entry_id, max=entry_id)
    )


def _read_clusters(client: redis.Redis, keys: Keyspace, images: int) -> tuple[set[int], int]:
    """Give the hashes of all clusters, and how many members below `images` have no record with that hash."""
    found: set[int] = set()
    missing = 0
    batch: list[int] = []
    for key in client.scan_iter(f"{keys.prefix}phash:*", count=_PAGE):
        phash = int(key[-16:], 16)
        if phash not in found:
            found.add(phash)
            batch.append(phash)
        if len(batch) == _PAGE:
            missing += _count_missing(client, keys, batch, images)
            batch = []
    return found, missing + _count_missing(client, keys, batch, images)


def _count_missing(client: redis.Redis, keys: Keyspace, phashes: list[int], images: int) -> int:
    pipe = client.pipeline(transaction=False)
    for phash in phashes:
        pipe.smembers(keys.cluster(phash))
    members = [
        (phash, int(number))
        for phash, numbers in zip(phashes, pipe.execute(), strict=True)
        for number in numbers
        if int(number) < images
    ]
    for _, number in members:
        pipe.hget(keys.records(number), str(number))
    return sum(
        record is None or record[_PHASH] != phash.to_bytes(8, "big")
        for (phash, _), record in zip(members, pipe.execute(), strict=True)
    )


def _records(client: redis.Redis, keys: Keyspace, images: int) -> Iterator[int]:
    """Give the numbers below `images` that have a record."""
    for first in range(0, images, BUCKET_IMAGES):
        yield from (
            int(number)
            for number in cast("list[bytes]", client.hkeys(keys.records(first)))
            if int(number) < images
        )


def _read_log(client: redis.Redis, keys: Keyspace) -> list[int]:
    rows: list[int] = []
    while content := client.get(keys.segment(len(rows) // SEGMENT_ROWS)):
        segment = cast("bytes", content)
        rows += [
            int.from_bytes(segment[at : at + ROW_BYTES], "big") for at in range(0, len(segment), ROW_BYTES)
        ]
        if len(segment) < SEGMENT_ROWS * ROW_BYTES:
            break
    return rows


def _count_broken_seals(client: redis.Redis, keys: Keyspace, rows: int) -> int:
    seals = cast("dict[bytes, bytes]", client.hgetall(keys.seals))
    broken = 0
    for segment in range(rows // SEGMENT_ROWS):
        content = cast("bytes", client.get(keys.segment(segment)) or b"")
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest().encode()
        broken += seals.get(b"%d" % segment) != digest
    return broken
