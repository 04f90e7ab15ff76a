"""How long images take from their entry on a lane to their alert: counts by quarter octave in, quantiles out."""

from collections.abc import Mapping
from typing import Any

from producer.names import LANES
from worker.keyspace import Keyspace

STEPS = 4
"""Buckets in an octave: a quantile is at most 19 % off."""

SUM = "ms"

Counts = dict[int, int]
"""Images by bucket; see `bucket_start_ms`."""


def bucket_start_ms(bucket: int) -> float:
    """Give the least time in ms that falls into a bucket; `publish.lua` computes the inverse."""
    return float(2 ** (bucket / STEPS) - 1)


def read_latencies(client: Any, keys: Keyspace) -> dict[str, tuple[Counts, int]]:  # noqa: ANN401 - redis-py's unions
    """Give for each lane the counts since the archive began, and the sum of all times in ms. Cost: one round trip."""
    pipe = client.pipeline(transaction=False)
    for lane in LANES:
        pipe.hgetall(keys.latency(lane))
    return {lane: _parse(stored) for lane, stored in zip(LANES, pipe.execute(), strict=True)}


def _parse(stored: Mapping[bytes, bytes]) -> tuple[Counts, int]:
    fields = {name.decode(): int(value) for name, value in stored.items()}
    total_ms = fields.pop(SUM, 0)
    return {
        int(bucket): count for bucket, count in sorted(fields.items(), key=lambda item: int(item[0]))
    }, total_ms


def quantile_s(counts: Mapping[int, int], share: float) -> float | None:
    """Give the time in seconds within which this share of the images was done; None where there are none."""
    total = sum(counts.values())
    wanted = share * total
    passed = 0
    for bucket, count in sorted(counts.items()):
        if count and passed + count >= wanted:
            low, high = bucket_start_ms(bucket), bucket_start_ms(bucket + 1)
            return (low + (high - low) * (wanted - passed) / count) / 1000
        passed += count
    return None
