"""Runs a worker, or the page, as a process of its own beside us: for `up`, the demo and the tests."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO

STOP_TIMEOUT_S = 10.0
_PR_SET_PDEATHSIG = 1


def start_worker(
    environment: Mapping[str, str], *, concurrency: int, log: Path | IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start a worker; see `_start`."""
    return _start(["worker", "--concurrency", str(concurrency)], environment, log=log)


def start_page(
    environment: Mapping[str, str], *, port: int | None = None, log: Path | IO[bytes] | None = None
) -> subprocess.Popen[bytes] | None:
    """Start the page, at `port` or where the settings say; None where what it needs is not installed."""
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        return None
    return _start(["web", *(() if port is None else ("--port", str(port)))], environment, log=log)


def _start(
    arguments: Sequence[str], environment: Mapping[str, str], *, log: Path | IO[bytes] | None
) -> subprocess.Popen[bytes]:
    """Start a verb in a session of its own: a Ctrl-C in the terminal reaches only us, and we stop it in order.

    `environment` holds settings beyond our own; the output goes to `log`, by default to our stderr.
    """
    output: IO[bytes] | int = (
        sys.stderr.fileno() if log is None else log.open("ab") if isinstance(log, Path) else log
    )
    try:
        return subprocess.Popen(  # noqa: S603 - ourselves
            # -P: what lies in the current folder is no module of ours.
            [sys.executable, "-P", "-m", "worker", *arguments, "--with-starter", str(os.getpid())],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        if isinstance(log, Path) and not isinstance(output, int):
            output.close()


def end_with_starter(pid: int) -> None:
    """Let this process get SIGTERM when process `pid`, which has started it, ends: it may be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != pid:
        sys.exit(128 + signal.SIGTERM)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Stop what was started in good order; by force where it takes too long."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
