"""The real service for a benchmark: a worker in processes of its own on a filled archive, and what it costs."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # no types are published
from bench_archive import ARCHIVE, KEYS, run_archive
from bench_host import family

from producer import Producer
from producer.names import LANES, Lane
from producer.server import connect
from worker.processes import start_worker, stop_process

POLL_S = 0.05
SETTLED_S = 1.0
SETTLED_SHARE = 0.05
SETTLE_TIMEOUT_S = 300.0
STALL_S = 60.0


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds by part, alerts and images so far."""

    worker_s: float
    server_s: float
    producer_s: float
    alerts: int
    images: int

    def since(self, before: "Usage") -> "Usage":
        """Give what was used since `before`."""
        return Usage(
            *(getattr(self, name) - getattr(before, name) for name in self.__slots__)  # type: ignore[attr-defined]
        )


class Service:
    """A worker with its server and a producer."""

    def __init__(self, url: str, *, worker: subprocess.Popen[bytes], server_pid: int, log: Path) -> None:
        self.url = url
        self.client = connect(url)
        self.producer = Producer(url, ARCHIVE)
        self.worker = psutil.Process(worker.pid)
        self._server = psutil.Process(server_pid)
        self._log = log

    def usage(self) -> Usage:
        """Read the meters."""
        counters = self.client.hmget(KEYS.counters, "alerts", "images")
        alerts, images = (int(value or 0) for value in counters)
        return Usage(
            sum(_cpu_s(process) for process in family(self.worker)),
            _cpu_s(self._server),
            time.process_time(),
            alerts,
            images,
        )

    def send(self, urls: Sequence[str], *, lane: Lane) -> None:
        """Append messages as a producer does."""
        self.producer.send_many(urls, lane=lane)

    def waiting(self) -> int:
        """Count the entries that have not ended."""
        pipe = self.client.pipeline(transaction=False)
        for lane in LANES:
            pipe.xlen(KEYS.stream(lane))
        pipe.zcard(KEYS.delayed)
        return sum(pipe.execute())

    def wait(self, is_over: Callable[[], bool]) -> float:
        """Wait until `is_over`; give the moment."""
        moved_at, before = time.monotonic(), -1
        while not is_over():
            if (left := self.waiting()) != before:
                moved_at, before = time.monotonic(), left
            if time.monotonic() - moved_at > STALL_S or not self.worker.is_running():
                raise SystemExit(f"the worker does not go on:\n{self._log.read_text()[-3000:]}")
            time.sleep(POLL_S)
        return time.monotonic()

    def run(self, urls: Sequence[str], *, lane: Lane = "backlog") -> tuple[float, Usage]:
        """Work off `urls`; give the seconds from the first XADD to the last acknowledgement, and what it used."""
        before = self.usage()
        began = time.monotonic()
        self.send(urls, lane=lane)
        ended = self.wait(lambda: self.waiting() == 0)
        return ended - began, self.usage().since(before)

    def warm_up(self, urls: Sequence[str], *, processes: int) -> None:
        """Let every child build its pipeline and its index, and wait until nothing works any more."""
        for at in range(0, len(urls), 64):
            self.run(urls[at : at + 64])
            if len(family(self.worker)) > processes and self._consumers() >= processes:
                break
        end = time.monotonic() + SETTLE_TIMEOUT_S
        while time.monotonic() < end:
            before = self.usage().worker_s
            time.sleep(SETTLED_S)
            if self.usage().worker_s - before < SETTLED_SHARE * SETTLED_S:
                return

    def children(self) -> list[psutil.Process]:
        """List the worker's child processes: its forks, not what they start."""
        return [child for child in self.worker.children() if child.cmdline() == self.worker.cmdline()]

    def _consumers(self) -> int:
        return len(self.client.xinfo_consumers(KEYS.stream("backlog"), "workers"))


@contextmanager
def run_service(*, distinct: int, processes: int, cache_dir: Path, **settings: str) -> Iterator[Service]:
    """Run the service on an archive of `distinct` hashes for the time of the block."""
    with (
        run_archive(distinct) as server,
        tempfile.TemporaryDirectory(prefix="lookalike-bench-") as folder,
    ):
        home = Path(folder)
        log = home / "worker.log"
        environment = {
            "LOOKALIKE_REDIS_URL": server.url,
            "LOOKALIKE_BROKER_URL": "",
            "LOOKALIKE_ARCHIVE": ARCHIVE,
            "LOOKALIKE_STATE_DIR": str(home / "state"),
            "LOOKALIKE_CACHE_DIR": str(cache_dir),
            "LOOKALIKE_ALLOW_NETWORKS": "127.0.0.0/8",
            "PYTHONPATH": os.pathsep.join(sys.path[1:2]),
            **settings,
        }
        worker = start_worker(environment, concurrency=processes, log=log)
        try:
            pid = int((server.folder / "pid").read_text())
            yield Service(server.url, worker=worker, server_pid=pid, log=log)
        finally:
            stop_process(worker)


def _cpu_s(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:
        return 0.0
