"""Samples counts of the service every 2 seconds for half an hour: the charts of the page `/system`."""

import asyncio
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from producer.names import LANES
from worker.keyspace import Keyspace
from worker.reading.latencies import Counts, quantile_s, read_latencies

EVERY_S = 2.0
KEEP = 900
WINDOW = 10
"""Samples whose images a quantile is of: 20 s."""

_LIVE = LANES[0]


@dataclass(frozen=True, slots=True)
class _Sample:
    """What was counted by `time`, in s since 1970; `latencies` are those since the sample before."""

    time: float
    images: int
    alerts: int
    oldest_live_s: float
    latencies: Counts


class Sampler:
    """Reads and keeps the samples of one archive."""

    def __init__(self, client: Any, *, keys: Keyspace) -> None:  # noqa: ANN401 - redis-py's types are unions
        self._client = client
        self._keys = keys
        self._samples: deque[_Sample] = deque(maxlen=KEEP)
        self._counted: Counts | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def series(self) -> dict[str, list[float | None]]:
        """Give, for each moment but the first, what the charts show; seconds are those of live images.

        `p50_s` and `p95_s` tell how long those took that ended in the 20 seconds before; None where none did.
        """
        samples = list(self._samples)
        found: dict[str, list[float | None]] = {
            name: [] for name in ("time", "images_per_s", "alerts_per_s", "oldest_live_s", "p50_s", "p95_s")
        }
        window: Counter[int] = Counter()
        for at, (before, after) in enumerate(pairwise(samples)):
            window.update(after.latencies)
            if at >= WINDOW:
                window.subtract(samples[at + 1 - WINDOW].latencies)
            seconds = max(after.time - before.time, 0.001)
            found["time"].append(round(after.time, 1))
            found["images_per_s"].append(round(max(0, after.images - before.images) / seconds, 1))
            found["alerts_per_s"].append(round(max(0, after.alerts - before.alerts) / seconds, 1))
            found["oldest_live_s"].append(round(after.oldest_live_s, 2))
            found["p50_s"].append(_rounded(quantile_s(window, 0.5)))
            found["p95_s"].append(_rounded(quantile_s(window, 0.95)))
        return found

    def recent(self) -> Counts:
        """Give the latencies of the live images that ended within the samples kept, half an hour."""
        window: Counter[int] = Counter()
        for sample in islice(list(self._samples), 1, None):
            window.update(sample.latencies)
        return dict(window)

    def sample(self) -> None:
        """Take one sample."""
        pipe = self._client.pipeline(transaction=False)
        pipe.hmget(self._keys.counters, "images", "alerts")
        pipe.xrange(self._keys.stream(_LIVE), count=1)
        (images, alerts), oldest = pipe.execute()
        counted, _ = read_latencies(self._client, self._keys)[_LIVE]
        now = time.time()
        age = max(0.0, now - int(oldest[0][0].split(b"-")[0]) / 1000) if oldest else 0.0
        # A flushed server begins anew, below what was counted before.
        before = counted if self._counted is None else self._counted
        since = {
            bucket: count - before.get(bucket, 0)
            for bucket, count in counted.items()
            if count > before.get(bucket, 0)
        }
        self._counted = counted
        self._samples.append(_Sample(now, int(images or 0), int(alerts or 0), age, since))

    async def _run(self) -> None:
        while True:
            # A gap in the chart tells an outage.
            with suppress(RedisError, OSError):
                await run_in_threadpool(self.sample)
            await asyncio.sleep(EVERY_S)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
