"""Threads for calls that block and cannot be interrupted: name lookups, files on a network disk."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

STACK_BYTES = 256 * 1024
"""Small: stacks count into RLIMIT_DATA."""


class SideThreads:
    """Runs calls on at most `limit` daemon threads, started when needed; a call that hangs keeps its thread."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0
        self._spare = 0

    def run(self, call: Callable[[], None]) -> None:
        """Run `call` on a thread; it must not raise.

        Raises:
            RuntimeError: There is no thread yet, and the kernel grants none.
        """
        with self._lock:
            self._spare -= 1
            if self._spare < 0 and self._threads < self._limit:
                self._threads += 1
                self._spare += 1
                before = threading.stack_size(STACK_BYTES)
                try:
                    threading.Thread(target=self._work, name="side", daemon=True).start()
                except RuntimeError:
                    self._threads -= 1
                    self._spare -= 1
                    if not self._threads:
                        self._spare += 1
                        raise
                finally:
                    threading.stack_size(before)
        self._calls.put(call)

    def _work(self) -> None:
        while True:
            self._calls.get()()
            with self._lock:
                self._spare += 1
