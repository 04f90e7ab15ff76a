"""A whole service that can be broken: server, proxy, two workers, two producers, an image host."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import redis
from role_server import RoleServer, credentials
from tcp_proxy import TcpProxy

from worker.image_server import ImageServer

ARCHIVE = "faults"
PREFIX = "{faults}:"
LANES = ("live", "retry", "backlog")
SERVER = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}
WORKERS = 2
CHILDREN = 2
SENDER = Path(__file__).parent / "fault_sender.py"


class Sender:
    """One producer process; what it was given and has not confirmed is sent again after its death."""

    def __init__(self, redis_url: str, lane: str, log: Path) -> None:
        self._command = [sys.executable, str(SENDER), redis_url, ARCHIVE, lane]
        self._log = log
        self._given: list[list[str]] = []
        self._confirmed: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.accepted: list[str] = []
        self._start()

    def give(self, urls: Sequence[str]) -> None:
        """Let it send one batch."""
        self._given.append(list(urls))
        self._write(self._given[-1])

    def kill(self) -> None:
        """Kill it; another one begins with what was not confirmed."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self.poll()
        self._start()
        for batch in self._given:
            self._write(batch)

    def poll(self) -> bool:
        """Take in what was confirmed; tell whether all was."""
        with suppress(queue.Empty):
            while True:
                count = self._confirmed.get_nowait()
                batch = self._given.pop(0)
                assert len(batch) == count
                self.accepted += batch
        return not self._given

    @property
    def pid(self) -> int:
        """The process that sends now."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        for line in process.stdout or ():
            if line.endswith(b"\n"):
                self._confirmed.put(int(line))

    def _write(self, batch: list[str]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(batch).encode() + b"\n")
            self._process.stdin.flush()


class Service:
    """The parts, and the verbs that break them; a context manager."""

    def __init__(self, home: Path, *, lease_s: float, settings: Mapping[str, str] | None = None) -> None:
        self._settings = dict(settings or {})
        self.home = home
        self.lease_s = lease_s
        self.folder = home / "images"
        self.folder.mkdir()
        self.refusals: list[str] = []
        """What servers that were killed meanwhile had refused to their users: the log of a server dies with it."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        enter = self._stack.enter_context
        self.server = enter(RoleServer(self.home / "data", config=SERVER))
        self.images = enter(ImageServer(self.folder))
        self.proxy = enter(TcpProxy(self.server.socket))
        self.client = redis.Redis(unix_socket_path=str(self.server.socket), socket_timeout=10)
        self.workers = [self._start_worker(at) for at in range(WORKERS)]
        self.senders = [
            Sender(self.proxy.url(user=credentials("producer")), lane, self.home / "sender.log")
            for lane in ("live", "backlog")
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for sender in self.senders:
            sender.close()
        for worker in self.workers:
            self._kill_pid(worker.pid)
            worker.wait()
        self.client.close()
        self._stack.close()

    def _start_worker(self, at: int) -> subprocess.Popen[bytes]:
        settings = {
            "LOOKALIKE_REDIS_URL": self.proxy.url(user=credentials("worker")),
            "LOOKALIKE_BROKER_URL": self.proxy.url(1, user=credentials("worker")),
            "LOOKALIKE_ARCHIVE": ARCHIVE,
            "LOOKALIKE_STATE_DIR": str(self.home / "state"),
            "LOOKALIKE_CACHE_DIR": str(self.home / "cache"),
            "LOOKALIKE_ALLOW_NETWORKS": "127.0.0.0/8",
            "LOOKALIKE_LEASE": str(self.lease_s),
            **self._settings,
        }
        with (self.home / f"worker-{at}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "worker", "worker", "--concurrency", str(CHILDREN)],
                env={**os.environ, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    # What one sees.

    def children(self) -> list[int]:
        """List the living children of all workers."""
        return [pid for worker in self.workers for pid in self.children_of(worker)]

    def children_of(self, worker: subprocess.Popen[bytes]) -> list[int]:
        """List the living children of one worker."""
        try:
            pids = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [int(pid) for pid in pids if _lives(pid)]

    def ended(self) -> int:
        """Count the images that were recorded or have failed."""
        return int(self.client.hget(f"{PREFIX}counters", "images") or 0) + self.client.xlen(
            f"{PREFIX}failures"
        )

    def outstanding(self) -> int:
        """Count the entries that have not ended: in the lanes, or waiting for another attempt."""
        return sum(self.client.xlen(f"{PREFIX}images:{lane}") for lane in LANES) + self.client.zcard(
            f"{PREFIX}delayed"
        )

    def is_all_accepted(self) -> bool:
        """Tell whether the producers have confirmed all that they were given."""
        return sum(sender.poll() for sender in self.senders) == len(self.senders)

    def held_by(self, pids: Sequence[int]) -> int:
        """Count the entries that are pending in the name of these processes and that nobody is free to take."""
        held = 0
        for lane in LANES:
            stream = f"{PREFIX}images:{lane}"
            for name in self._consumers(stream):
                if int(name.split(b"-")[-2]) in pids:
                    rows = self.client.xpending_range(stream, "workers", "-", "+", 1000, consumername=name)
                    held += sum(row["time_since_delivered"] < self.lease_s * 1000 for row in rows)
        return held

    def _consumers(self, stream: str) -> Iterator[bytes]:
        with suppress(redis.ResponseError):
            yield from (row["name"] for row in self.client.xinfo_consumers(stream, "workers"))

    # What breaks.

    def kill_children(self, pids: Sequence[int]) -> None:
        """SIGKILL."""
        for pid in pids:
            self._kill_pid(pid)

    def kill_worker(self, at: int) -> list[int]:
        """SIGKILL of a parent; give what were its children. A supervisor would start another one: so do we."""
        pids = self.children_of(self.workers[at])
        self._kill_pid(self.workers[at].pid)
        self.workers[at].wait()
        self.workers[at] = self._start_worker(at)
        return pids

    def stop_processs(self, which: Sequence[int]) -> list[float]:
        """SIGTERM; give the seconds that each took to end."""
        started = time.monotonic()
        for at in which:
            self.workers[at].terminate()
        took = []
        for at in which:
            self.workers[at].wait()
            took.append(time.monotonic() - started)
        return took

    def start_workers(self, which: Sequence[int]) -> None:
        """Start workers in the places of those that ended."""
        for at in which:
            self.workers[at] = self._start_worker(at)

    def restart_server(self, away_s: float) -> None:
        """SIGKILL of the server; it comes back after `away_s` with what it had acknowledged."""
        self.refusals += self.server.refusals()
        self.client.close()
        self.server.kill()
        time.sleep(away_s)
        self.server.start()

    def cut(self, away_s: float) -> None:
        """Cut every connection through the proxy, and heal it."""
        self.proxy.cut()
        time.sleep(away_s)
        self.proxy.heal()

    def pause(self, pid: int, for_s: float) -> None:
        """Stop a process for a while, and let it go on."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(for_s)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def lose_broker(self) -> None:
        """Lose the whole database of the broker."""
        with redis.Redis(unix_socket_path=str(self.server.socket), db=1) as broker:
            broker.flushdb()

    def _kill_pid(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
