"""What each key of an archive costs in Redis."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import redis
from bench_archive import KEYS, make_population, run_archive, url_of

from producer import derived_id
from producer.server import connect
from worker.clusters import ClusterStory
from worker.events import MAX_MATCHES, Match, write_alert
from worker.keyspace import KEYS as KEY_TYPES
from worker.records import ImageFacts, Record

SAMPLED_KEYS = 2000
ENTRIES = 20_000
ALERTS = 2000


def measure_archive(images: int) -> Iterator[dict[str, Any]]:
    """Give the bytes an image in all, and the share of each kind of key."""
    distinct = images * 9 // 10
    with run_archive(0) as server, connect(server.url) as client:
        empty = _used(client)
    with run_archive(distinct) as server, connect(server.url) as client:
        filled = _used(client)
        count = int(client.hget(KEYS.counters, "images") or 0)
        yield {
            "check": "memory",
            "images": count,
            "distinct": distinct,
            "url_characters": len(url_of(1)),
            "bytes_per_image": round((filled - empty) / count, 1),
        }
        for kind, (number, size) in sorted(_by_kind(client).items()):
            yield {
                "check": "memory_of_keys",
                "key": kind,
                "type": KEY_TYPES.get(kind),
                "keys": number,
                "bytes_per_image": round(size / count, 2),
            }


def measure_streams() -> Iterator[dict[str, Any]]:
    """Give the bytes of a waiting entry, of one that is being worked on, and of an alert."""
    with run_archive(0) as server, connect(server.url) as client:
        stream = KEYS.stream("backlog")
        before = _used(client)
        _append(client, stream, [{"url": url_of(number)} for number in range(ENTRIES)])
        waiting = _used(client)
        yield {"check": "memory_of_entry", "bytes": round((waiting - before) / ENTRIES, 1)}
        client.xgroup_create(stream, "workers", id="0")
        client.xreadgroup("workers", "bench", {stream: ">"}, count=ENTRIES)
        pending = _used(client)
        yield {"check": "memory_of_pending_entry", "more_bytes": round((pending - waiting) / ENTRIES, 1)}
        for matches in (1, MAX_MATCHES):
            before = _used(client)
            event = _event(matches)
            _append(client, KEYS.alerts, [{"event": event} for _ in range(ALERTS)])
            yield {
                "check": "memory_of_alert",
                "matches": matches,
                "json_bytes": len(event),
                "bytes": round((_used(client) - before) / ALERTS, 1),
            }


def _append(client: redis.Redis, stream: str, rows: list[dict[str, str]]) -> None:
    pipe = client.pipeline(transaction=False)
    for row in rows:
        pipe.xadd(stream, row)  # type: ignore[arg-type]  # redis-py's dict is invariant
    pipe.execute()


def _used(client: redis.Redis) -> int:
    client.client_no_touch("ON")
    return int(client.info("memory")["used_memory"])


def _by_kind(client: redis.Redis) -> dict[str, tuple[int, float]]:
    """Count the keys of each kind, and their bytes from a sample."""
    keys: dict[str, list[bytes]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for key in client.scan_iter(KEYS.prefix + "*", count=5000):
        kind = _kind(key.decode().removeprefix(KEYS.prefix))
        counts[kind] += 1
        if len(keys[kind]) < SAMPLED_KEYS:
            keys[kind].append(key)
    sizes = {}
    for kind, sample in keys.items():
        pipe = client.pipeline(transaction=False)
        for key in sample:
            pipe.memory_usage(key, samples=0)
        sizes[kind] = (counts[kind], sum(pipe.execute()) / len(sample) * counts[kind])
    return sizes


def _kind(name: str) -> str:
    for pattern in KEY_TYPES:
        begin = pattern.partition("<")[0]
        if name == pattern or ("<" in pattern and name.startswith(begin) and name != "hashes:seals"):
            return pattern
    return name


def _event(matches: int) -> str:
    record = _record(0)
    story = ClusterStory(3, _record(1), _record(2))
    return write_alert(
        record,
        archive="bench",
        uuid="0" * 36,
        copies=[],
        matches=[Match(record.image.phash, 2, story) for _ in range(matches)],
        match_count=matches,
    )


def _record(number: int) -> Record:
    phash = int(make_population(100).phash[number])
    url = url_of(number)
    image = ImageFacts(id=derived_id(url), url=url, phash=phash, width=400, height=533, format="JPEG")
    return Record(number, image, 1_795_000_000_000, number + 1, 0, number, number, is_done=False)
