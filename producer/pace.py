"""Holds a run to a rate."""

import time


class Pace:
    """Lets at most `rate` images a second pass, on the average of any longer stretch; 0 is no limit."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free_at = time.monotonic()

    @property
    def batch(self) -> int:
        """How many images should go at once, so that ten batches make a second."""
        return max(1, int(self._rate / 10)) if self._rate else 0

    def wait(self, count: int) -> None:
        """Wait until `count` more images may go."""
        if not self._rate:
            return
        now = time.monotonic()
        if self._free_at > now:
            time.sleep(self._free_at - now)
        self._free_at = max(self._free_at, now) + count / self._rate
