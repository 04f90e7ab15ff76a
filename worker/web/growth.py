"""What gained most in a window of time: the hashes that most of its images have, counted once a minute at most."""

import threading
import time
from dataclasses import dataclass

from worker.reading.periods import Period, Periods
from worker.web.problems import ProblemError

WEEK_MS = 7 * 86_400_000
REMEMBERED_S = 60.0
MAX_REMEMBERED = 16

MAX_GROWTH_IMAGES = 20_000_000
"""Images of a window whose hashes are counted: 26 s, the server held for 2 ms at a time, and 190 MB."""


@dataclass(frozen=True, slots=True)
class _Counted:
    at_s: float
    gains: list[tuple[int, int]]


class Growth:
    """Counts windows of one archive, one at a time; what was counted is remembered for a minute."""

    def __init__(self, periods: Periods, *, most: int) -> None:
        self._periods = periods
        self._most = most
        self._lock = threading.Lock()
        self._counted: dict[tuple[int | None, int | None], _Counted] = {}

    def gains(self, since_ms: int | None, until_ms: int | None) -> list[tuple[int, int]]:
        """Give the hashes that gained most, each with its images of the window, the greatest first.

        The window is that of the seven days up to its end where it has no beginning.

        Raises:
            ProblemError: It holds more images than are counted.
        """
        with self._lock:
            now_s = time.monotonic()
            self._counted = {
                window: counted
                for window, counted in self._counted.items()
                if now_s - counted.at_s < REMEMBERED_S
            }
            window = (since_ms, until_ms)
            if window not in self._counted:
                gains = self._periods.most_frequent(self._period(since_ms, until_ms), limit=self._most)
                if len(self._counted) == MAX_REMEMBERED:
                    del self._counted[next(iter(self._counted))]
                self._counted[window] = _Counted(time.monotonic(), gains)
            return self._counted[window].gains

    def _period(self, since_ms: int | None, until_ms: int | None) -> Period:
        if since_ms is None:
            now_ms = int(time.time() * 1000)
            since_ms = (now_ms if until_ms is None else min(now_ms, until_ms)) - WEEK_MS
        period = self._periods.between(since_ms, until_ms)
        check_growth(period)
        return period


def check_growth(period: Period) -> None:
    """Raise ProblemError where a window holds more images than are counted."""
    images = period.end - period.first
    if images > MAX_GROWTH_IMAGES:
        told = f"the window holds {images:,} images: growth is counted over {MAX_GROWTH_IMAGES:,} at most"
        raise ProblemError(422, "window-too-large", f"{told}; take a shorter one")
