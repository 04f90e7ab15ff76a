"""Counts what an archive holds and what its workers have to do."""

from typing import Any, cast

import redis
from redis.exceptions import ResponseError

from producer.names import GROUP, LANES
from worker.keyspace import Keyspace

ALIVE_MS = 5000
"""A worker that has not been heard of for so long is not counted."""


def read_stats(client: redis.Redis, keys: Keyspace) -> dict[str, Any]:
    """Count the archive: images, clusters, alerts, failures. Cost: one round trip, O(log n)."""
    pipe = client.pipeline(transaction=True)
    pipe.hgetall(keys.counters)
    pipe.zcard(keys.by_size)
    pipe.zcount(keys.by_size, 5, "+inf")
    pipe.zrevrange(keys.by_size, 0, 0, withscores=True)
    pipe.xlen(keys.failures)
    counters, two_or_more, five_or_more, largest, failures = pipe.execute()
    count = {name.decode(): int(value) for name, value in counters.items()}
    images = count.get("images", 0)
    return {
        "images": images,
        "clusters": count.get("clusters", 0),
        "clusters_by_min_size": {"2": two_or_more, "5": five_or_more},
        "largest": int(largest[0][1]) if largest else min(images, 1),
        "alerts": count.get("alerts", 0),
        "failures": failures,
        "low_information": count.get("low_information", 0),
    }


def read_counters(client: redis.Redis, keys: Keyspace) -> dict[str, int]:
    """Give what the scripts count, as `docs/data-layout.md` tells it. Cost: one round trip."""
    counters = cast("dict[bytes, bytes]", client.hgetall(keys.counters))
    return {name.decode(): int(value) for name, value in counters.items()}


def read_status(client: redis.Redis, keys: Keyspace) -> dict[str, Any]:
    """Tell what waits in each lane, what is in flight or delayed, and how many workers live."""
    waiting: dict[str, int] = {}
    in_flight = 0
    for lane in LANES:
        length, pending = _length_and_pending(client, keys.stream(lane))
        # An entry that somebody deleted stays pending until its owner meets it.
        waiting[lane] = max(0, length - pending)
        in_flight += pending
    seconds, micros = client.time()
    now_ms = seconds * 1000 + micros // 1000
    return {
        "waiting": waiting,
        "in_flight": in_flight,
        "delayed": client.zcard(keys.delayed),
        "failures": client.xlen(keys.failures),
        "workers": client.zcount(keys.workers, now_ms - ALIVE_MS, "+inf"),
    }


def _length_and_pending(client: redis.Redis, stream: str) -> tuple[int, int]:
    """Count the entries of a stream and those of them that are being worked on, at one moment."""
    pipe = client.pipeline(transaction=True)
    pipe.xlen(stream)
    pipe.xpending(stream, GROUP)
    length, pending = pipe.execute(raise_on_error=False)
    if isinstance(pending, ResponseError) and "NOGROUP" in str(pending):
        return int(length), 0
    for reply in (length, pending):
        if isinstance(reply, Exception):
            raise reply
    return int(length), int(pending["pending"])
