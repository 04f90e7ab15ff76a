"""A window of downloads in flight: URLs in, bodies or errors out, in the order in which they arrive.

All run on one thread of their own. What may not start yet, because its host has as many downloads as it gets, is parked
beside the window. A host that never answers delays nobody else.
"""

import random
import threading
import time
import traceback
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from worker.errors import HttpStatusLaterError, ImageError, TransientError, UnreachableError
from worker.fetch import Fetcher
from worker.fetching.byte_budget import ByteBudget
from worker.fetching.host_rate import HostRate
from worker.fetching.hosts import Hosts
from worker.fetching.targets import host_of
from worker.fetching.transfer import Transfer

PARKED_LIMIT = 1000
OVERLOAD = frozenset({429, 503})
CLOSE_TIMEOUT_S = 1.0

QUEUE_S = 10.0
QUEUE_S_AT_MOST = 600.0
"""Where a rate lets a host's parked downloads wait longer than this, further ones come again later."""


@dataclass(frozen=True)
class Arrival:
    """The end of one download: its body, or why there is none."""

    key: Hashable
    body: bytes | None
    error: ImageError | None


class Downloads:
    """Downloads on a thread; one thread submits and takes what arrived, `wake` may be called from anywhere."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        window: int,
        window_bytes: int,
        host_concurrency: int,
        host_rate: HostRate | None = None,
    ) -> None:
        self._window = window
        self._budget = ByteBudget(window_bytes)
        self._hosts = Hosts(concurrency=host_concurrency, clock=time.monotonic)
        self._rate = host_rate
        self._held: set[str] = set()
        self._in_flight: dict[Transfer, None] = {}
        self._ended: SimpleQueue[tuple[Transfer, Arrival] | None] = SimpleQueue()
        self._arrived: tuple[deque[tuple[Transfer, Arrival]], ...] = (deque(), deque())
        self._parked: dict[str, deque[Transfer]] = {}
        self._parked_counts = [0, 0]
        self._transfers = fetcher.transfers(may_keep=self._may_keep, ended=self._end)
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="downloads", daemon=True)
        self._thread.start()

    @property
    def in_flight(self) -> int:
        """Downloads submitted and not handed out yet, the parked ones included."""
        return len(self._in_flight)

    @property
    def ready(self) -> int:
        """Downloads that have ended and were not handed out yet."""
        return self._ended.qsize() + sum(len(waiting) for waiting in self._arrived)

    @property
    def bytes_held(self) -> int:
        """Bytes of bodies that have arrived, whole or in part, and were not handed out."""
        return self._budget.used

    @property
    def parked(self) -> int:
        """Downloads that wait for their host."""
        return sum(self._parked_counts)

    @property
    def parked_urgent(self) -> int:
        """The urgent ones among the parked."""
        return self._parked_counts[True]

    @property
    def room(self) -> int:
        """How many more may be submitted now."""
        parked = self.parked
        return 0 if parked >= PARKED_LIMIT else max(0, self._window - self.in_flight + parked)

    def submit(self, key: Hashable, url: str, *, urgent: bool) -> None:
        """Start a download, or park it; never waits."""
        transfer = Transfer(key, url, urgent=urgent, host=host_of(url))
        self._in_flight[transfer] = None
        self._transfers.call(lambda: self._start_or_park(transfer))

    def arrived(self, *, limit: int, timeout_s: float) -> list[Arrival]:
        """Take at most `limit` ended downloads, the urgent ones first; waits up to `timeout_s` for the first."""
        urgent, others = self._arrived
        for ended in self._take_ended(0 if urgent or others else timeout_s):
            (urgent if ended[0].urgent else others).append(ended)
        taken: list[Arrival] = []
        is_waited_for = False
        while len(taken) < limit and (urgent or others):
            transfer, arrival = (urgent or others).popleft()
            if not transfer.is_forgotten:
                is_waited_for |= self._budget.close(transfer)
                del self._in_flight[transfer]
                taken.append(arrival)
        if is_waited_for:
            self._transfers.call(self._transfers.resume)
        return taken

    def wake(self) -> None:
        """End a waiting `arrived`; safe in signal handlers and other threads."""
        self._ended.put(None)

    def abandon(self) -> list[Hashable]:
        """Forget all that was not handed out and close its connections; give its keys."""
        forgotten = list(self._in_flight)
        self._in_flight.clear()
        for transfer in forgotten:
            transfer.is_forgotten = True
            self._budget.close(transfer)
        for waiting in self._arrived:
            waiting.clear()
        self._transfers.call(self._forget_all)
        return [transfer.key for transfer in forgotten]

    def close(self) -> None:
        """Forget everything and end the thread."""
        if not self._is_closed:
            self.abandon()
            self._is_closed = True
            self._transfers.call(lambda: None)
            self._thread.join(CLOSE_TIMEOUT_S)

    def _take_ended(self, timeout_s: float) -> Iterator[tuple[Transfer, Arrival]]:
        try:
            ended = self._ended.get(timeout=timeout_s) if timeout_s > 0 else self._ended.get_nowait()
            while True:
                if ended is not None:
                    yield ended
                ended = self._ended.get_nowait()
        except Empty:
            return

    # What follows runs on the thread of the downloads.

    def _run(self) -> None:
        while not self._is_closed:
            try:
                self._transfers.run_once()
            except Exception as error:  # noqa: BLE001  # a thread that ended here would keep every image for ever
                self._end_all(error)
        self._transfers.close()

    def _may_keep(self, transfer: Transfer, size: int) -> bool:
        return self._budget.take(transfer, size, urgent=transfer.urgent)

    def _start_or_park(self, transfer: Transfer) -> None:
        if transfer.is_forgotten:
            return
        if self._may_start(transfer.host):
            self._start(transfer)
            return
        queue_s = (
            len(self._parked.get(transfer.host, ())) / self._rate.per_s if self._rate is not None else 0.0
        )
        if queue_s > QUEUE_S:
            told = f"host {transfer.host} is asked {self._rate.per_s:g} times a second" if self._rate else ""
            self._give_back(transfer, told, wait_s=random.uniform(queue_s, QUEUE_S_AT_MOST))  # noqa: S311
        else:
            self._park(transfer, first=transfer.urgent)

    def _may_start(self, host: str) -> bool:
        return not host or (host not in self._held and self._hosts.has_room(host))

    def _park(self, transfer: Transfer, *, first: bool) -> None:
        waiting = self._parked.setdefault(transfer.host, deque())
        (waiting.appendleft if first else waiting.append)(transfer)
        self._parked_counts[transfer.urgent] += 1

    def _start(self, transfer: Transfer) -> None:
        alone_s = self._hosts.alone_s(transfer.host)
        if alone_s > 0:
            told = f"host {transfer.host} failed too often in a row: it is left alone for {alone_s:.0f} s"
            self._give_back(transfer, told, wait_s=alone_s)
            return
        wait_s = self._rate.wait_s(transfer.host) if self._rate is not None and transfer.host else 0.0
        if wait_s > 0:
            self._park(transfer, first=True)
            self._held.add(transfer.host)
            self._transfers.call_later(wait_s, lambda: self._end_hold(transfer.host))
            return
        if transfer.host:
            self._hosts.start(transfer.host)
        self._budget.open(transfer)
        self._transfers.start(transfer)

    def _give_back(self, transfer: Transfer, told: str, *, wait_s: float) -> None:
        """End a download that was not begun, for nothing."""
        error = UnreachableError(told, retry_after_s=wait_s, host=transfer.host, costs_attempt=False)
        self._ended.put((transfer, Arrival(transfer.key, None, error)))

    def _end_hold(self, host: str) -> None:
        self._held.discard(host)
        self._start_parked(host)

    def _end(self, transfer: Transfer, body: bytes | None, error: ImageError | None) -> None:
        if error is not None:
            self._budget.close(transfer)
        self._ended.put((transfer, Arrival(transfer.key, body, error)))
        if transfer.host:
            self._note(transfer.host, error)
            self._hosts.end(transfer.host)
            self._start_parked(transfer.host)

    def _start_parked(self, host: str) -> None:
        while host not in self._held and (self._hosts.has_room(host) or self._hosts.alone_s(host) > 0):
            waiting = self._parked.get(host)
            if waiting is None:
                return
            transfer = waiting.popleft()
            self._parked_counts[transfer.urgent] -= 1
            if not waiting:
                del self._parked[host]
            self._start(transfer)

    def _note(self, host: str, error: ImageError | None) -> None:
        if not isinstance(error, TransientError):
            self._hosts.note_answer(host)
        elif error.host in {None, host}:
            if isinstance(error, HttpStatusLaterError) and error.status in OVERLOAD:
                self._hosts.note_overload(host)
            else:
                self._hosts.note_failure(host)

    def _forget_all(self) -> None:
        for transfer in self._transfers.forget():
            if transfer.host:
                self._hosts.end(transfer.host)
        self._parked.clear()
        self._parked_counts = [0, 0]

    def _end_all(self, error: Exception) -> None:
        """End every download after a mistake of ours; each may be tried again."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {frame.filename.rpartition('/')[2]}:{frame.lineno}"
        for transfer in self._transfers.forget():
            self._end(transfer, None, UnreachableError(f"downloads failed: {place}"))
