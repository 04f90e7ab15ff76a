"""Waits out an outage of the server: told once and then each minute, tried again ever more rarely, up to 2 s."""

import logging
from collections.abc import Callable
from time import monotonic, sleep

logger = logging.getLogger(__name__)

TELL_EVERY_S = 60.0
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0
_STEP_S = 0.05


class Outage:
    """The outage that one process sees, if any."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._tries = 0
        self._told_at = float("-inf")

    def wait(self, what: str, wait_s: float | None = None) -> None:
        """Tell `what` is wrong, at most each minute, and wait before the next try; a stop ends the wait."""
        if monotonic() - self._told_at >= TELL_EVERY_S:
            logger.warning("work waits: %s", what)
            self._told_at = monotonic()
        self.pause(wait_s or min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**self._tries))
        self._tries = min(self._tries + 1, 10)

    def over(self) -> None:
        """Note that the server answers."""
        if self._tries:
            logger.warning("work goes on")
            self._tries, self._told_at = 0, float("-inf")

    def pause(self, seconds: float) -> None:
        """Sleep, unless the process stops."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0 and not self._stopping():
            sleep(min(left, _STEP_S))
