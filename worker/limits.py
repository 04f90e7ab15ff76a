"""Limits that the kernel keeps for a child process: its private memory, and the time of one decode.

Both hold where Python code would not run any more, inside a decoder written in C.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PR_SET_PDEATHSIG = 1


def limit_memory(limit_bytes: int) -> None:
    """Let this process allocate at most `limit_bytes` of private memory; beyond, an allocation fails.

    RLIMIT_DATA counts heap, anonymous maps and the stacks of threads, and leaves out files that are mapped: the index
    is no part of it. RLIMIT_AS would count both.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def die_with_parent(number: signal.Signals) -> None:
    """Let the kernel send this process the signal when its parent ends; where only Linux can, nothing happens."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            # It ended before it was asked for.
            os.kill(os.getpid(), number)


@contextmanager
def decode_limit(seconds: float) -> Iterator[None]:
    """End this process by SIGALRM where the block takes longer than `seconds`; for the main thread.

    The signal's default action is taken by the kernel, so it also ends a decoder that never returns to Python.
    Arming and disarming cost 2 microseconds.
    """
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
