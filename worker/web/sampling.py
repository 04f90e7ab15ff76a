"""Samples counts of the service every 2 seconds for half an hour: the chart of the page `/system`."""

import asyncio
import time
from collections import deque
from contextlib import suppress
from itertools import pairwise
from typing import Any

from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from producer.names import LANES
from worker.keyspace import Keyspace

EVERY_S = 2.0
KEEP = 900
_Sample = tuple[float, int, int, float]


class Sampler:
    """Reads and keeps the samples of one archive: time, images, alerts, age of the oldest live entry in seconds."""

    def __init__(self, client: Any, *, keys: Keyspace) -> None:  # noqa: ANN401 - redis-py's types are unions
        self._client = client
        self._keys = keys
        self._samples: deque[_Sample] = deque(maxlen=KEEP)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def series(self) -> dict[str, list[float]]:
        """Give, for each moment but the first: time, images a second, alerts a second, age of the oldest in seconds."""
        samples = list(self._samples)
        at, images, alerts, ages = [], [], [], []
        for before, after in pairwise(samples):
            seconds = max(after[0] - before[0], 0.001)
            at.append(round(after[0], 1))
            images.append(round(max(0, after[1] - before[1]) / seconds, 1))
            alerts.append(round(max(0, after[2] - before[2]) / seconds, 1))
            ages.append(round(after[3], 2))
        return {"time": at, "images_per_s": images, "alerts_per_s": alerts, "oldest_live_s": ages}

    def sample(self) -> None:
        """Take one sample."""
        pipe = self._client.pipeline(transaction=False)
        pipe.hmget(self._keys.counters, "images", "alerts")
        pipe.xrange(self._keys.stream(LANES[0]), count=1)
        (images, alerts), oldest = pipe.execute()
        now = time.time()
        age = max(0.0, now - int(oldest[0][0].split(b"-")[0]) / 1000) if oldest else 0.0
        self._samples.append((now, int(images or 0), int(alerts or 0), age))

    async def _run(self) -> None:
        while True:
            # A gap in the chart tells an outage.
            with suppress(RedisError, OSError):
                await run_in_threadpool(self.sample)
            await asyncio.sleep(EVERY_S)
