"""Takes entries from the lanes, as many of each kind as the window has room for: live ones first and alone."""

from time import monotonic

from producer.names import Lane
from worker.downloads import Downloads
from worker.entries import Entry
from worker.ownership import LeaseKeeper, Ownership
from worker.window import measure_window

BATCH = 16
"""Images taken, or hashed, in a row before others are filed: about 50 ms, so that a live image never waits long."""

ABANDONED_EVERY_S = 0.25
"""How often a child looks for entries without a living owner: 0.4 ms of the server where 5,000 are in hand."""


class Intake:
    """What one child takes on. An entry is renewed from the moment in which it was taken."""

    def __init__(
        self, ownership: Ownership, leases: LeaseKeeper, downloads: Downloads, *, window: int
    ) -> None:
        self._ownership = ownership
        self._leases = leases
        self._downloads = downloads
        self._window = window
        self._looked_at = float("-inf")

    def take(self, taken: list[Entry]) -> bool:
        """Add entries to `taken`, and tell whether more wait; of eight slots one is always live's, one the others'.

        While enough has arrived to be hashed only live ones are taken. Whatever is raised, `taken` has all that are in
        hand.
        """
        window = measure_window(
            self._window,
            held=self._leases.held(),
            parked=self._downloads.parked,
            parked_live=self._downloads.parked_urgent,
        )
        abandoned = monotonic() - self._looked_at >= ABANDONED_EVERY_S
        if abandoned:
            self._looked_at = monotonic()

        for_live = min(BATCH, window.room_for_live())
        live = self._own(("live",), for_live, abandoned=abandoned)
        taken += live
        if self._downloads.ready >= BATCH:
            return 0 < for_live == len(live)
        for_others = min(BATCH, window.room_for_others(taken_now=len(live)))
        others = self._own(("retry", "backlog"), for_others, abandoned=abandoned)
        taken += others
        return 0 < for_live == len(live) or 0 < for_others == len(others)

    def _own(self, lanes: tuple[Lane, ...], limit: int, *, abandoned: bool) -> list[Entry]:
        entries = self._ownership.take(lanes, limit=limit, abandoned=abandoned)
        for entry in entries:
            self._leases.add(entry)
        return entries
