"""libcurl's multi interface on epoll: requests, timers and calls from other threads, all on one thread."""

import heapq
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

import pycurl

IDLE_CONNECTIONS = 128

Finished = Callable[[pycurl.Curl, int, str], None]
"""Told of each request that ended: its handle, libcurl's code, and what libcurl says about it."""


class CurlLoop:
    """Runs requests; used by one thread, except for `call`."""

    def __init__(self, finished: Finished) -> None:
        self._finished = finished
        self._lock = threading.Lock()
        self._is_closed = False
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._later_number = 0
        self._timer_at: float | None = None
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll = select.epoll()
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, IDLE_CONNECTIONS)

    def call(self, call: Callable[[], None]) -> None:
        """Have the loop run `call`; from any thread. A lookup or a file may end after the loop was closed."""
        with self._lock:
            if not self._is_closed:
                self._calls.put(call)
                os.eventfd_write(self._wake_fd, 1)

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Have the loop run `call` after so many seconds."""
        self._later_number += 1
        heapq.heappush(self._later, (time.monotonic() + seconds, self._later_number, call))

    def add(self, curl: pycurl.Curl) -> None:
        """Begin the request that `curl` was prepared for."""
        self._multi.add_handle(curl)

    def remove(self, curl: pycurl.Curl) -> None:
        """Take `curl` back, whether its request has ended or not."""
        self._multi.remove_handle(curl)

    def run_once(self, *, until: float | None) -> None:
        """Wait for something to happen, at most until the moment `until`, and handle it."""
        for descriptor, event in self._epoll.poll(self._wait_s(until)):
            if descriptor == self._wake_fd:
                os.eventfd_read(self._wake_fd)
            else:
                readable = pycurl.CSELECT_IN if event & ~select.EPOLLOUT else 0
                writable = pycurl.CSELECT_OUT if event & select.EPOLLOUT else 0
                self._multi.socket_action(descriptor, readable | writable)
        self._run_calls()
        if self._timer_at is not None and self._timer_at <= time.monotonic():
            self._timer_at = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._tell_finished()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            self._is_closed = True
        self._multi.close()
        self._epoll.close()
        os.close(self._wake_fd)

    def _wait_s(self, until: float | None) -> float | None:
        due = [moment for moment in (until, self._timer_at) if moment is not None]
        if self._later:
            due.append(self._later[0][0])
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _run_calls(self) -> None:
        with suppress(Empty):
            while True:
                self._calls.get_nowait()()
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()

    def _tell_finished(self) -> None:
        more = 1
        while more:
            more, done, failed = self._multi.info_read()
            for curl in done:
                self._finished(curl, pycurl.E_OK, "")
            for curl, code, told in failed:
                self._finished(curl, code, told)

    def _watch(self, what: int, descriptor: int, _multi: pycurl.CurlMulti, _data: object) -> None:
        """Keep epoll's list as libcurl wants it."""
        if what == pycurl.POLL_REMOVE:
            with suppress(OSError):  # closed already: the kernel has forgotten it
                self._epoll.unregister(descriptor)
            return
        readable = select.EPOLLIN if what & pycurl.POLL_IN else 0
        writable = select.EPOLLOUT if what & pycurl.POLL_OUT else 0
        try:
            self._epoll.modify(descriptor, readable | writable)
        except FileNotFoundError:
            self._epoll.register(descriptor, readable | writable)

    def _set_timer(self, timeout_ms: int) -> None:
        self._timer_at = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000
