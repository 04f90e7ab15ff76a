"""Ctrl-C while modules are being loaded: nothing has begun, so the process ends at once, without a traceback."""

import os
import signal
from types import FrameType

INTERRUPTED = 130


def end_at_interrupt() -> None:
    """Let Ctrl-C end the process, unless whoever started it has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_at_interrupt() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again: from here on there may be something to put in order."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_signal: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
