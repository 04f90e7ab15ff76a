"""A window of downloads in flight: URLs in, bodies or errors out, in the order in which they arrive.

One thread a download, started when first needed: a host that never answers holds a thread and delays nobody else.
What may not start yet, because its host has as many downloads as it gets, is parked beside the window.
"""

import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol
from urllib.parse import urlsplit

from worker.byte_budget import ByteBudget
from worker.errors import HttpStatusLaterError, ImageError, TransientError, UnreachableError
from worker.hosts import Hosts

PARKED_LIMIT = 1000
OVERLOAD = frozenset({429, 503})
THREAD_STACK_BYTES = 256 * 1024
"""Small: the stacks of a whole window count into RLIMIT_DATA."""


class MayRead(Protocol):
    """Waits until so many bytes more may be read."""

    def __call__(self, size: int, /) -> None: ...


class Fetches(Protocol):
    """What downloads one URL: `worker.fetch.Fetcher`."""

    def fetch(self, url: str, *, may_read: MayRead | None) -> bytes: ...


@dataclass(frozen=True)
class Arrival:
    """The end of one download: its body, or why there is none."""

    key: Hashable
    body: bytes | None
    error: ImageError | None


@dataclass(eq=False)
class _Download:
    key: Hashable
    url: str
    host: str
    urgent: bool
    is_forgotten: bool = False


class Downloads:
    """Downloads with threads; one thread submits and takes what arrived, `wake` may be called from anywhere."""

    def __init__(self, fetcher: Fetches, *, window: int, window_bytes: int, host_concurrency: int) -> None:
        self._fetcher = fetcher
        self._window = window
        self._budget = ByteBudget(window_bytes)
        self._hosts = Hosts(concurrency=host_concurrency, clock=time.monotonic)
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._ready: SimpleQueue[_Download | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[_Download, Arrival] | None] = SimpleQueue()
        self._arrived: tuple[deque[tuple[_Download, Arrival]], ...] = (deque(), deque())
        self._parked: OrderedDict[str, deque[_Download]] = OrderedDict()
        self._parked_count = 0
        self._known: dict[_Download, None] = {}

    @property
    def in_flight(self) -> int:
        """Downloads submitted and not handed out yet, the parked ones included."""
        return len(self._known)

    @property
    def ready(self) -> int:
        """Downloads that have ended and were not handed out yet."""
        return self._ended.qsize() + sum(len(waiting) for waiting in self._arrived)

    @property
    def parked(self) -> int:
        """Downloads that wait for their host."""
        return self._parked_count

    @property
    def room(self) -> int:
        """How many more may be submitted now."""
        if self._parked_count >= PARKED_LIMIT:
            return 0
        return max(0, self._window - self.in_flight + self._parked_count)

    def submit(self, key: Hashable, url: str, *, urgent: bool) -> None:
        """Start a download, or park it; never waits."""
        download = _Download(key, url, _host_of(url), urgent)
        with self._lock:
            self._known[download] = None
            if download.host in self._parked or not self._hosts.has_room(download.host):
                waiting = self._parked.setdefault(download.host, deque())
                (waiting.appendleft if urgent else waiting.append)(download)
                self._parked_count += 1
            else:
                self._start(download)

    def arrived(self, *, limit: int, timeout_s: float) -> list[Arrival]:
        """Take at most `limit` ended downloads, the urgent ones first; waits up to `timeout_s` for the first."""
        urgent, others = self._arrived
        for ended in self._take_ended(0 if urgent or others else timeout_s):
            (urgent if ended[0].urgent else others).append(ended)
        taken: list[Arrival] = []
        while len(taken) < limit and (urgent or others):
            download, arrival = (urgent or others).popleft()
            if not download.is_forgotten:
                self._budget.close(download)
                del self._known[download]
                taken.append(arrival)
        return taken

    def wake(self) -> None:
        """End a waiting `arrived`; safe in signal handlers and other threads."""
        self._ended.put(None)

    def abandon(self) -> list[Hashable]:
        """Forget all that was not handed out; give its keys. Running downloads end unheard."""
        with self._lock:
            forgotten = list(self._known)
            self._known.clear()
            self._parked.clear()
            self._parked_count = 0
            for download in forgotten:
                download.is_forgotten = True
        for download in forgotten:
            self._budget.close(download)
        for waiting in self._arrived:
            waiting.clear()
        return [download.key for download in forgotten]

    def close(self) -> None:
        """Forget everything and let the threads end; does not wait for those that are stuck in a socket."""
        self.abandon()
        with self._lock:
            for _ in range(self._threads):
                self._ready.put(None)

    def _take_ended(self, timeout_s: float) -> Iterator[tuple[_Download, Arrival]]:
        try:
            ended = self._ended.get(timeout=timeout_s) if timeout_s > 0 else self._ended.get_nowait()
            while True:
                if ended is not None:
                    yield ended
                ended = self._ended.get_nowait()
        except Empty:
            return

    def _start(self, download: _Download) -> None:
        """Hand a download to a thread; the lock is held."""
        alone_s = self._hosts.alone_s(download.host) if download.host else 0.0
        if alone_s > 0:
            error = UnreachableError(
                f"host {download.host} failed too often in a row and is left alone for {alone_s:.0f} s",
                retry_after_s=alone_s,
                host=download.host,
                costs_attempt=False,
            )
            self._ended.put((download, Arrival(download.key, None, error)))
            return
        self._hosts.start(download.host)
        self._budget.open(download)
        if self._idle > 0:
            self._idle -= 1
        elif self._threads < self._window:
            self._threads += 1
            before = threading.stack_size(THREAD_STACK_BYTES)
            try:
                threading.Thread(target=self._work, name=f"download-{self._threads}", daemon=True).start()
            finally:
                threading.stack_size(before)
        self._ready.put(download)

    def _work(self) -> None:
        while (download := self._ready.get()) is not None:
            if not download.is_forgotten:
                arrival = self._download(download)
                self._end(download, arrival.error)
                self._ended.put((download, arrival))
            else:
                self._end(download, None)
            del download

    def _download(self, download: _Download) -> Arrival:
        def may_read(size: int) -> None:
            self._budget.take(download, size, urgent=download.urgent)
            if download.is_forgotten:
                raise TransientError("forgotten")

        try:
            return Arrival(download.key, self._fetcher.fetch(download.url, may_read=may_read), None)
        except ImageError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  # a thread that ended here would never hand its image back
            failure = UnreachableError(f"{type(error).__name__} in {_place_of(error)}")
        self._budget.close(download)
        return Arrival(download.key, None, failure)

    def _end(self, download: _Download, error: ImageError | None) -> None:
        with self._lock:
            self._note(download.host, error)
            self._hosts.end(download.host)
            self._idle += 1
            waiting = self._parked.get(download.host)
            while waiting and (self._hosts.has_room(download.host) or self._hosts.alone_s(download.host) > 0):
                self._parked_count -= 1
                self._start(waiting.popleft())
            if waiting is not None and not waiting:
                del self._parked[download.host]

    def _note(self, host: str, error: ImageError | None) -> None:
        if not host:
            return
        if not isinstance(error, TransientError):
            self._hosts.note_answer(host)
        elif error.host in {None, host}:
            if isinstance(error, HttpStatusLaterError) and error.status in OVERLOAD:
                self._hosts.note_overload(host)
            else:
                self._hosts.note_failure(host)


def _place_of(error: Exception) -> str:
    """Tell file and line only: a message may hold what is secret in a URL."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
