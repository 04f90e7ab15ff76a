"""Decodes a suspect, an image under which a process has died, in a process of its own: if that dies too, it is poison.

A child that dies while it decodes may have been killed from outside, by an operator or for want of memory elsewhere:
no image is condemned for that alone. `python -m worker.suspects` tells that it is ready, reads the body from stdin, and
writes one JSON object; it dies with the child that started it.
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from signal import SIGKILL, Signals
from time import monotonic
from typing import IO, Any

from worker import errors
from worker.errors import ImageError, SuspectNotTriedError, UnhashableError, WorkerDiedError
from worker.hashing import HashedImage, hash_image, warm_up
from worker.limits import decode_limit, die_with_parent

START_TIMEOUT_S = 60.0
GRACE_S = 5.0
"""Seconds beyond its own limit after which a suspect's process is ended from here."""

_LOOK_EVERY_S = 0.1


class StoppedError(Exception):
    """Raised when the worker stops before the suspect has been decoded."""


def hash_apart(
    body: bytes,
    *,
    max_pixels: int,
    timeout_s: float,
    decoding: AbstractContextManager[None],
    stopping: Callable[[], bool],
) -> HashedImage:
    """Hash `body` in a process of its own; `decoding` is entered for the time in which it may die of it.

    Raises:
        WorkerDiedError: The process died while it decoded.
        SuspectNotTriedError: It could not be started, died, or was not ready in time, before it began.
        StoppedError: The worker stops.
        PermanentError: As `hash_image` raises it.
    """
    command = [sys.executable, "-m", "worker.suspects", str(max_pixels), str(timeout_s)]
    try:
        started = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
    except OSError as error:
        # Too many open files or processes. As an OSError it would pass for an outage of the server.
        raise SuspectNotTriedError(f"a process of its own cannot be started: {error.strerror}") from error
    with started as process:
        try:
            _wait_ready(process, stopping)
            with decoding:
                answer = _exchange(process, body, timeout_s=timeout_s + GRACE_S, stopping=stopping)
        finally:
            process.kill()
    if process.returncode != 0 or not answer:
        raise WorkerDiedError(
            f"a process that decoded nothing else died of it ({_cause(process.returncode)})"
        )
    return _read_answer(answer)


def _wait_ready(process: subprocess.Popen[bytes], stopping: Callable[[], bool]) -> None:
    assert process.stdout is not None  # noqa: S101 - asked for above
    end = monotonic() + START_TIMEOUT_S
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while not poll.poll(_LOOK_EVERY_S * 1000):
        if stopping():
            raise StoppedError
        if monotonic() > end:
            raise SuspectNotTriedError(f"a process of its own was not ready within {START_TIMEOUT_S:.0f} s")
    if not process.stdout.read(1):
        raise SuspectNotTriedError(f"a process of its own ended before it began ({_cause(process.wait())})")


def _exchange(
    process: subprocess.Popen[bytes], body: bytes, *, timeout_s: float, stopping: Callable[[], bool]
) -> bytes:
    end = monotonic() + timeout_s
    given: bytes | None = body
    while True:
        try:
            return process.communicate(given, timeout=_LOOK_EVERY_S)[0]
        except subprocess.TimeoutExpired:
            given = None
        if stopping():
            raise StoppedError
        if monotonic() > end:
            process.kill()


def _read_answer(answer: bytes) -> HashedImage:
    facts: dict[str, Any] = json.loads(answer)
    if "error" in facts:
        error: type[ImageError] = getattr(errors, facts["error"])
        raise error(facts["detail"])
    return HashedImage(**{**facts, "sha256": bytes.fromhex(facts["sha256"])})


def _cause(status: int) -> str:
    return Signals(-status).name if -status in set(Signals) else f"status {status}"


def decode_for_parent(source: IO[bytes], answers: IO[bytes], *, max_pixels: int, timeout_s: float) -> None:
    """Tell that this process is ready, read one body, and answer what its image is."""
    warm_up()
    answers.write(b".")
    answers.flush()
    body = source.read()
    try:
        with decode_limit(timeout_s):
            facts = asdict(hash_image(body, max_pixels=max_pixels))
    except ImageError as error:
        facts = {"error": type(error).__name__, "detail": error.detail}
    except Exception as error:  # noqa: BLE001 - as in the pipeline: any bytes whatever
        facts = {"error": UnhashableError.__name__, "detail": f"{type(error).__name__} while decoding"}
    else:
        facts["sha256"] = facts["sha256"].hex()
    answers.write(json.dumps(facts).encode())


def main() -> None:
    """Decode one suspect for the process that started us."""
    die_with_parent(SIGKILL)
    # What a decoder prints must not become a part of the answer.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        decode_for_parent(
            sys.stdin.buffer, answers, max_pixels=int(sys.argv[1]), timeout_s=float(sys.argv[2])
        )


if __name__ == "__main__":
    main()
