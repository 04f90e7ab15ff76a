"""Tells of images that fail while somebody watches: a line a minute, so that a flood of them hides no alert."""

from collections.abc import Mapping

from producer.wording import count

SETTLE_S = 2.0
"""Seconds between the first failure and its line, which then tells of those that came with it too."""

TELL_EVERY_S = 60.0
_FAILED = "failed:"


class FailureNotes:
    """Turns what the archive counts by reason (`failed:<reason>` in `counters`) into sentences."""

    def __init__(self, counters: Mapping[str, int]) -> None:
        """Begin with what had failed before."""
        self._told = _by_reason(counters)
        self._new_since_s: float | None = None
        self._told_at_s = float("-inf")

    def tell(self, counters: Mapping[str, int], *, now_s: float, is_last: bool = False) -> str | None:
        """Give a sentence on what has failed since the last one, if it is time, or where nothing comes after it."""
        counts = _by_reason(counters)
        new = {reason: number - self._told.get(reason, 0) for reason, number in counts.items()}
        new = {reason: number for reason, number in new.items() if number > 0}
        if not new:
            return None
        if self._new_since_s is None:
            self._new_since_s = now_s
        is_due = now_s - self._new_since_s >= SETTLE_S and now_s - self._told_at_s >= TELL_EVERY_S
        if not is_due and not is_last:
            return None
        self._told, self._new_since_s, self._told_at_s = counts, None, now_s
        ordered = sorted(new.items(), key=lambda reason: -reason[1])
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in ordered)
        return f"{count(sum(new.values()), 'image')} failed ({reasons}): `lookalike failures` tells why"


def _by_reason(counters: Mapping[str, int]) -> dict[str, int]:
    return {
        name.removeprefix(_FAILED): number for name, number in counters.items() if name.startswith(_FAILED)
    }
