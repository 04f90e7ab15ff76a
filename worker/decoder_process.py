"""A process that decodes for another one: a bomb, a hang or a crash of a decoder in C ends it, and nothing else.

`python -m worker.decoder_process` tells that it is ready, and then answers bodies, each with its length before it, one
after the other, until its stdin ends. So it needs no signal when the one that started it is killed, unless it hangs.
"""

import argparse
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
from dataclasses import asdict, dataclass
from time import monotonic
from typing import IO, Any

from PIL import Image

from worker import errors
from worker.errors import ImageError, SuspectNotTriedError, UnhashableError, WorkerDiedError
from worker.hashing import HashedImage, hash_image, warm_up
from worker.limits import decode_limit, die_with_parent, limit_memory
from worker.thumbnails import SIDE, make_thumbnail

START_TIMEOUT_S = 60.0
GRACE_S = 5.0
"""Seconds beyond its own limit after which a process is ended from here."""

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class SeenImage:
    """What an image is, and a small picture of it as base64 of WebP, empty where there is none."""

    hashed: HashedImage
    webp: str


class DecoderProcess:
    """One process and its pipes; `kill` and `is_alive` are safe from other threads.

    `timeout_s` is for decoding and hashing one body, `memory_bytes` its private memory. `tied` lets it end with the
    thread that starts it, also while it hangs. After an answer, an error included, it can be asked again; after
    whatever else was raised it has ended.

    Raises:
        SuspectNotTriedError: It cannot be started.
    """

    def __init__(self, *, max_pixels: int, timeout_s: float, memory_bytes: int, tied: bool = False) -> None:
        self._timeout_s = timeout_s
        self._is_ready = False
        limits = [str(max_pixels), str(timeout_s), str(memory_bytes), *(("--tied",) if tied else ())]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-P", "-m", "worker.decoder_process", *limits],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        except OSError as error:
            # Too many open files or processes. As an OSError it would pass for an outage of the server.
            raise SuspectNotTriedError(f"a process of its own cannot be started: {error.strerror}") from error

    def is_alive(self) -> bool:
        """Tell whether it could be asked."""
        return self._process.poll() is None

    def wait_ready(self) -> None:
        """Wait until it has loaded what it needs, about 0.3 s.

        Raises:
            SuspectNotTriedError: It has ended, or takes longer than a minute.
        """
        if not self._is_ready and not self._read(1, monotonic() + START_TIMEOUT_S):
            self.end()
            raise SuspectNotTriedError(f"a process of its own was not ready ({self._cause()})")
        self._is_ready = True

    def hash(self, body: bytes) -> SeenImage:
        """Hash `body`.

        Raises:
            SuspectNotTriedError: As `wait_ready` raises it.
            WorkerDiedError: The process died of it, or was killed.
            PermanentError: As `hash_image` raises it.
        """
        try:
            self.wait_ready()
            facts = self._ask(body, timeout_s=self._timeout_s + GRACE_S)
        except BaseException:
            # What it still answers would pass for the answer to the next body.
            self.end()
            raise
        if "error" in facts:
            error: type[ImageError] = getattr(errors, facts["error"])
            raise error(facts["detail"])
        hashed = HashedImage(**{**facts["hashed"], "sha256": bytes.fromhex(facts["hashed"]["sha256"])})
        return SeenImage(hashed, facts["webp"])

    def kill(self) -> None:
        """Let it end; who waits for an answer is told that it died."""
        self._process.kill()

    def end(self) -> None:
        """Let it end, and wait for that."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, body: bytes, *, timeout_s: float) -> dict[str, Any]:
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
            raise WorkerDiedError(f"a process of its own died of it ({self._cause()})")
        facts: dict[str, Any] = json.loads(answer)
        return facts

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


# What follows runs in the process itself.


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
    return {"hashed": {**asdict(hashed), "sha256": hashed.sha256.hex()}, "webp": "".join(pictures)}


def main() -> None:
    """Hash for the process that started us."""
    parser = argparse.ArgumentParser()
    parser.add_argument("max_pixels", type=int)
    parser.add_argument("timeout_s", type=float)
    parser.add_argument("memory_bytes", type=int)
    parser.add_argument("--tied", action="store_true")
    given = parser.parse_args()
    if given.tied:
        die_with_parent(signal.SIGKILL)
    # The key that ends a service in a terminal reaches us too: we end with our stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whoever started us may end at any moment. What a decoder prints must not become a part of an answer.
    with suppress(BrokenPipeError), os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        warm_up()
        limit_memory(given.memory_bytes)
        answers.write(b".")
        answers.flush()
        answer_bodies(sys.stdin.buffer, answers, max_pixels=given.max_pixels, timeout_s=given.timeout_s)


if __name__ == "__main__":
    main()
