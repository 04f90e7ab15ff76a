"""Tries suspects, images under which a process has died, in processes of their own: what dies again is poison.

A child that dies while it decodes may have been killed from outside, by an operator or for want of memory elsewhere:
no image is condemned for that alone. Each suspect has a new process, which decodes nothing else and ends with its
child. They are tried beside the pipeline, one at a time: one that hangs holds up no other image.
"""

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue

from worker.decoder_process import DecoderProcess
from worker.entries import Entry
from worker.errors import ImageError, SuspectNotTriedError
from worker.hashing import HashedImage
from worker.notes import Note

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Suspects whose bodies a child holds, the one that is tried included."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A suspect in hand, until `is_over` is set."""

    entry: Entry
    body: bytes
    is_over: threading.Event


class Trials:
    """The trials of one child. They run on a thread of their own, which the first suspect starts."""

    def __init__(self, note: Note, *, max_pixels: int, timeout_s: float, memory_bytes: int) -> None:
        self._note = note
        self._timeout_s = timeout_s
        self._start = partial(
            DecoderProcess, max_pixels=max_pixels, timeout_s=timeout_s, memory_bytes=memory_bytes, tied=True
        )
        self._in_hand = 0
        self._is_over = threading.Event()
        self._waiting: SimpleQueue[Trial | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[Trial, HashedImage | ImageError]] = SimpleQueue()
        self._running: DecoderProcess | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, entry: Entry, body: bytes) -> None:
        """Try to hash `body` in a process of its own when those before it have been tried; never waits.

        Raises:
            SuspectNotTriedError: Too many wait already, or no thread can be started.
        """
        if self._in_hand >= AT_ONCE:
            raise SuspectNotTriedError(
                "other suspects are being tried", retry_after_s=self._timeout_s, costs_attempt=False
            )
        self._start_thread()
        self._in_hand += 1
        self._waiting.put(Trial(entry, body, self._is_over))

    def ended(self) -> list[tuple[Entry, HashedImage | ImageError]]:
        """Take those that have been tried, each with its hash or why it has none."""
        found = []
        with suppress(Empty):
            while True:
                trial, outcome = self._ended.get_nowait()
                if not trial.is_over.is_set():
                    self._in_hand -= 1
                    found.append((trial.entry, outcome))
        return found

    def abandon(self) -> None:
        """Forget all that are in hand, and end the process that tries one of them."""
        with self._lock:
            self._is_over.set()
            if self._running is not None:
                self._running.kill()
        self._is_over = threading.Event()
        self._in_hand = 0

    def close(self) -> None:
        """Forget everything and end the thread."""
        self.abandon()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(timeout=1)

    def _start_thread(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="trials", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # Too many threads, or no memory for another stack.
                raise SuspectNotTriedError(f"a thread for trials: {error}") from error
            self._thread = thread

    def _run(self) -> None:
        while (trial := self._waiting.get()) is not None:
            if trial.is_over.is_set():
                continue
            outcome: HashedImage | ImageError
            try:
                outcome = self._try(trial)
            except ImageError as error:
                outcome = error
            except Exception as error:
                # A thread that ended here would keep every suspect for ever.
                logger.exception("entry %s could not be tried", trial.entry.id)
                outcome = SuspectNotTriedError(f"{type(error).__name__} in a trial")
            self._ended.put((trial, outcome))

    def _try(self, trial: Trial) -> HashedImage:
        process = self._start()
        try:
            with self._lock:
                self._running = process
                if trial.is_over.is_set():
                    process.kill()
            process.wait_ready()
            with self._note.trying(trial.entry):
                return process.hash(trial.body).hashed
        finally:
            with self._lock:
                self._running = None
            process.end()
