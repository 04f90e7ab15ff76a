"""Hashes what strangers send to the page, in warm processes beside it: a bomb, a hang or a crash ends one of those."""

import threading
from contextlib import suppress
from functools import partial
from queue import Empty, LifoQueue

from worker.decoder_process import DecoderProcess, SeenImage
from worker.errors import SuspectNotTriedError


class BusyError(Exception):
    """Raised when all processes stay busy with other images."""


class GuardedHashing:
    """Up to `count` processes, started when they are needed; safe to use from several threads."""

    def __init__(self, *, count: int, max_pixels: int, timeout_s: float, memory_bytes: int) -> None:
        self._make = partial(
            DecoderProcess, max_pixels=max_pixels, timeout_s=timeout_s, memory_bytes=memory_bytes
        )
        self._free: LifoQueue[DecoderProcess | None] = LifoQueue()
        for _ in range(count):
            self._free.put(None)
        self._lock = threading.Lock()
        self._running: set[DecoderProcess] = set()
        self._is_closed = False

    def warm_up(self) -> None:
        """Start the first process; it becomes ready while others go on."""
        with suppress(Empty, SuspectNotTriedError):
            kept = self._free.get_nowait()
            try:
                kept = kept or self._start()
            finally:
                self._free.put(kept)

    def hash(self, body: bytes, *, patience_s: float) -> SeenImage:
        """Hash `body`.

        Raises:
            BusyError: No process was free within `patience_s`.
            ImageError: As `hash_image` raises it; WorkerDiedError where a process died of it.
        """
        try:
            process = self._free.get(timeout=patience_s)
        except Empty:
            raise BusyError from None
        try:
            if process is not None and not process.is_alive():
                self._end(process)
                process = None
            if process is None:
                process = self._start()
            return process.hash(body)
        finally:
            if process is not None and not process.is_alive():
                self._end(process)
                process = None
            self._free.put(process)

    def close(self) -> None:
        """End all processes, also those that hash: whoever waits for one is told that it died."""
        with self._lock:
            self._is_closed = True
            running = list(self._running)
        for process in running:
            process.kill()
        # Those that hash are ended by whoever waits for them.
        idle = []
        with suppress(Empty):
            while True:
                idle.append(self._free.get_nowait())
        for free in idle:
            if free is not None:
                self._end(free)
            self._free.put(None)

    def _start(self) -> DecoderProcess:
        with self._lock:
            if self._is_closed:
                raise SuspectNotTriedError("the page stops")
            process = self._make()
            self._running.add(process)
        return process

    def _end(self, process: DecoderProcess) -> None:
        process.end()
        with self._lock:
            self._running.discard(process)
