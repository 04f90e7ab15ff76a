"""How many entries of each kind a child may take: the shares of its window."""

from collections.abc import Iterable
from dataclasses import dataclass

from worker.downloads import PARKED_LIMIT
from worker.entries import Entry


@dataclass(frozen=True, slots=True)
class Window:
    """A window of `size` images and what is in it; what waits for its host is parked beside it.

    Of every eight slots one is always for live images and one for others.
    """

    size: int
    live: int
    others: int
    parked_live: int
    parked_others: int

    def room_for_live(self) -> int:
        """Give how many live images may be taken."""
        return self._room(self.live, self.parked_live)

    def room_for_others(self, *, taken_now: int) -> int:
        """Give how many others may be taken, after `taken_now` live ones."""
        return min(
            self._room(self.others, self.parked_others), self.size - self.live - self.others - taken_now
        )

    def _room(self, mine: int, parked: int) -> int:
        share = self.size * 7 // 8
        return max(0, min(self.size - self.live - self.others, share - mine, PARKED_LIMIT - parked))


def measure_window(size: int, *, held: Iterable[Entry], parked: int, parked_live: int) -> Window:
    """Count what a child holds; `parked` is how many of them wait for their host, `parked_live` of these are live."""
    lanes = [entry.lane == "live" for entry in held]
    live = sum(lanes)
    parked_others = parked - parked_live
    return Window(size, live - parked_live, len(lanes) - live - parked_others, parked_live, parked_others)
