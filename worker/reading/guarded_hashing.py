"""Hashes what strangers send to the page, in warm processes beside it: a bomb, a hang or a crash ends one of those.

`python -m worker.reading.guarded_hashing` is such a process. It tells that it is ready, and then answers bodies, each
with its length before it, one after the other, until its stdin ends.
"""

import base64
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, LifoQueue
from time import monotonic
from typing import IO, Any

from PIL import Image

from worker import errors
from worker.errors import ImageError, SuspectNotTriedError, UnhashableError, WorkerDiedError
from worker.hashing import hash_image, warm_up
from worker.limits import decode_limit, limit_memory
from worker.thumbnails import SIDE, make_thumbnail

START_TIMEOUT_S = 60.0
GRACE_S = 5.0
"""Seconds beyond its own limit after which a process is ended from here."""

_LENGTH = struct.Struct(">I")


class BusyError(Exception):
    """Raised when all processes stay busy with other images."""


@dataclass(frozen=True, slots=True)
class SeenImage:
    """What the page needs of an image: its hash, and a small picture as base64 of WebP, empty where there is none."""

    phash: int
    webp: str


class GuardedHashing:
    """Up to `count` processes, started when they are needed; safe to use from several threads."""

    def __init__(self, *, count: int, max_pixels: int, timeout_s: float, memory_bytes: int) -> None:
        self._limits = [str(max_pixels), str(timeout_s), str(memory_bytes)]
        self._timeout_s = timeout_s
        self._free: LifoQueue[_Process | None] = LifoQueue()
        for _ in range(count):
            self._free.put(None)
        self._lock = threading.Lock()
        self._running: set[_Process] = set()
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
        kept = None
        try:
            if process is not None and not process.is_alive():
                self._end(process)
                process = None
            if process is None:
                process = self._start()
            facts = process.ask(body, timeout_s=self._timeout_s + GRACE_S)
            kept = process
        finally:
            if kept is None and process is not None:
                self._end(process)
            self._free.put(kept)
        if "error" in facts:
            error: type[ImageError] = getattr(errors, facts["error"])
            raise error(facts["detail"])
        return SeenImage(facts["phash"], facts["webp"])

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

    def _start(self) -> "_Process":
        with self._lock:
            if self._is_closed:
                raise SuspectNotTriedError("the page stops")
            process = _Process(self._limits)
            self._running.add(process)
        return process

    def _end(self, process: "_Process") -> None:
        process.end()
        with self._lock:
            self._running.discard(process)


class _Process:
    """One process and its pipes. It ends with its stdin, so it needs no signal when the page is killed.

    (A signal on the parent's death would come with the end of the thread that started it.)
    """

    def __init__(self, limits: list[str]) -> None:
        self._is_ready = False
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-P", "-m", "worker.reading.guarded_hashing", *limits],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        except OSError as error:
            raise SuspectNotTriedError(f"a process of its own cannot be started: {error.strerror}") from error

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, body: bytes, *, timeout_s: float) -> dict[str, Any]:
        """Give what the process answers; WorkerDiedError where it dies of the body."""
        if not self._is_ready:
            if not self._read(1, monotonic() + START_TIMEOUT_S):
                self.end()
                raise SuspectNotTriedError(f"a process of its own was not ready ({self._cause()})")
            self._is_ready = True
        end = monotonic() + timeout_s
        # Whatever the process does with its pipe, it is gone by then, and a write to it fails.
        watchdog = threading.Timer(timeout_s, self._process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            with suppress(BrokenPipeError):
                self._write(_LENGTH.pack(len(body)))
                self._write(body)
            length = self._read(_LENGTH.size, end)
            answer = self._read(_LENGTH.unpack(length)[0], end) if length else b""
        finally:
            watchdog.cancel()
        if not answer:
            self.end()
            raise WorkerDiedError(f"the process that decoded it died of it ({self._cause()})")
        facts: dict[str, Any] = json.loads(answer)
        return facts

    def kill(self) -> None:
        """Let it end."""
        self._process.kill()

    def end(self) -> None:
        """Let it end, and wait for that."""
        self._process.kill()
        self._process.communicate()

    def _write(self, data: bytes) -> None:
        stdin, rest = _pipe(self._process.stdin), memoryview(data)
        while rest:
            rest = rest[stdin.write(rest) :]

    def _read(self, length: int, end: float) -> bytes:
        """Read so many bytes; nothing where the process ends, or the time comes, before."""
        stdout, found = _pipe(self._process.stdout), b""
        poll = select.poll()
        poll.register(stdout, select.POLLIN)
        while len(found) < length:
            if not poll.poll(max(0.0, end - monotonic()) * 1000):
                return b""
            piece = stdout.read(length - len(found))
            if not piece:
                return b""
            found += piece
        return found

    def _cause(self) -> str:
        status = self._process.returncode
        return signal.Signals(-status).name if -status in set(signal.Signals) else f"status {status}"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - asked for
    return pipe


def answer_bodies(source: IO[bytes], answers: IO[bytes], *, max_pixels: int, timeout_s: float) -> None:
    """Answer each body of `source` with what its image is, until it ends."""
    while len(length := source.read(_LENGTH.size)) == _LENGTH.size:
        body = source.read(_LENGTH.unpack(length)[0])
        with decode_limit(timeout_s):
            facts = _see(body, max_pixels=max_pixels)
        answer = json.dumps(facts).encode()
        answers.write(_LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _see(body: bytes, *, max_pixels: int) -> dict[str, Any]:
    pictures: list[str] = []

    def look(image: Image.Image, _: bytes) -> None:
        # A picture that cannot be shown is found all the same.
        with suppress(ValueError, OSError, MemoryError):
            pictures.append(base64.b64encode(make_thumbnail(image, side=SIDE)).decode())

    try:
        hashed = hash_image(body, max_pixels=max_pixels, look=look)
    except ImageError as error:
        return {"error": type(error).__name__, "detail": error.detail}
    except Exception as error:  # noqa: BLE001 - as in the pipeline: any bytes whatever
        return {"error": UnhashableError.__name__, "detail": f"{type(error).__name__} while decoding"}
    return {"phash": hashed.phash, "webp": "".join(pictures)}


def main() -> None:
    """Hash for the page that started us: arguments are pixels, seconds and bytes of memory."""
    max_pixels, timeout_s, memory_bytes = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    # The key that ends the page in a terminal reaches us too: we end with our stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a decoder prints must not become a part of an answer.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        warm_up()
        limit_memory(memory_bytes)
        answers.write(b".")
        answers.flush()
        with suppress(BrokenPipeError):
            answer_bodies(sys.stdin.buffer, answers, max_pixels=max_pixels, timeout_s=timeout_s)


if __name__ == "__main__":
    main()
