"""Ctrl-C without surprises: a signal is noted, and acted on only where nothing is half made."""

import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

import click

STEP_S = 0.02


class Interrupts:
    """Notes SIGINT, SIGTERM and SIGHUP for the time of a `with` block instead of raising at any line.

    `number` is that of the last signal.
    """

    def __init__(self) -> None:
        self.is_set = False
        self.number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as signal.signal gave it

    def check(self) -> None:
        """Raise click.Abort where a signal has come."""
        if self.is_set:
            raise click.Abort

    def wait(self, condition: Callable[[], bool], *, timeout_s: float = float("inf")) -> bool:
        """Wait until `condition` holds; False where `timeout_s` is over first; raises click.Abort at a signal."""
        end = time.monotonic() + timeout_s
        while not condition():
            self.check()
            if time.monotonic() >= end:
                return False
            time.sleep(STEP_S)
        return True

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.is_set = True
        self.number = number
