"""What the service is often built as first: one Celery task an image, every hash read and compared in turn.

Its worker is `celery -A bench_naive worker` with BENCH_BROKER and BENCH_REDIS set.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import imagehash
import psutil  # type: ignore[import-untyped]  # no types are published
import redis
import requests
from bench_archive import real_population
from bench_bare import Run
from bench_host import family
from celery import Celery
from PIL import Image

from producer.urls import default_broker_url
from worker.embedded import IN_MEMORY, EmbeddedServer

MAX_DISTANCE = 10
HASHES = "hashes"
DONE = "done"
ALERTS = "alerts"
POLL_S = 0.02

app = Celery("naive", broker=os.environ.get("BENCH_BROKER", "memory://"))
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=1)


@app.task(name="naive.look")  # type: ignore[untyped-decorator]  # Celery has no types
def look(url: str) -> None:
    """Download, hash, compare with every known hash, keep the hash."""
    with redis.Redis.from_url(os.environ["BENCH_REDIS"]) as client:
        body = requests.get(url, timeout=10).content
        phash = imagehash.phash(Image.open(BytesIO(body)).convert("RGBA"))
        near = [
            known
            for known in client.lrange(HASHES, 0, -1)
            if phash - imagehash.hex_to_hash(known.decode()) <= MAX_DISTANCE
        ]
        client.rpush(HASHES, str(phash))
        if near:
            client.incr(ALERTS)
        client.incr(DONE)


class Naive:
    """A running worker of that kind, on `hashes` known hashes."""

    def __init__(self, client: redis.Redis, broker: str, worker: psutil.Process) -> None:
        self._client = client
        self._worker = worker
        self._connection = app.connection_for_write(broker)

    def run(self, urls: Sequence[str]) -> tuple[Run, int]:
        """Look at `urls`; give what it took, and the alerts."""
        self._client.delete(DONE, ALERTS)
        before, began = self._cpu_s(), time.monotonic()
        with app.amqp.Producer(self._connection) as producer:
            for url in urls:
                look.apply_async((url,), producer=producer)
        while int(self._client.get(DONE) or 0) < len(urls):
            time.sleep(POLL_S)
        wall_s = time.monotonic() - began
        return Run(len(urls), wall_s, self._cpu_s() - before), int(self._client.get(ALERTS) or 0)

    def _cpu_s(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in family(self._worker))


@contextmanager
def run_naive(*, hashes: int, processes: int) -> Iterator[Naive]:
    """Run a worker of that kind for the time of the block."""
    with (
        tempfile.TemporaryDirectory(prefix="lookalike-bench-") as home,
        EmbeddedServer(Path(home), config=IN_MEMORY) as server,
        redis.Redis.from_url(server.url) as client,
        (Path(home) / "naive.log").open("wb") as log,
    ):
        client.rpush(HASHES, *(f"{phash:016x}" for phash in real_population(hashes, seed=1).tolist()))
        broker = default_broker_url(server.url)
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "bench_naive",
            "worker",
            "--concurrency",
            str(processes),
        ]
        worker = subprocess.Popen(
            command,
            cwd=Path(__file__).parent,
            env={**os.environ, "BENCH_BROKER": broker, "BENCH_REDIS": server.url},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield Naive(client, broker, psutil.Process(worker.pid))
        finally:
            worker.terminate()
            worker.wait(20)
