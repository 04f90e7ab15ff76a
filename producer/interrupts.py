"""Keeps Ctrl-C from coming between two steps that belong together."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def hold_interrupt() -> Iterator[None]:
    """Let a Ctrl-C wait until the block has ended; a second one goes through. For the main thread only."""
    held = False

    def hold(_signal: int, _frame: FrameType | None) -> None:
        nonlocal held
        if held:
            raise KeyboardInterrupt
        held = True

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt
