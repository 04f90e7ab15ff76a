"""Small bar charts as plain numbers: templates draw them as SVG, and tell the same as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BARS = 48
HEIGHT = 100


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `height` of 100; `label` says what it counts, in ms since 1970 for a time."""

    label: int
    count: int
    height: float


def bars_of_times(times: Sequence[int]) -> list[Bar]:
    """Count moments, in ms since 1970, in at most 48 equal stretches from the first to the last."""
    if not times:
        return []
    low, high = min(times), max(times)
    width = max(1, -(-(high - low + 1) // BARS))
    counts = [0] * (1 + (high - low) // width)
    for time in times:
        counts[(time - low) // width] += 1
    return _scale({low + at * width: count for at, count in enumerate(counts)})


def bars_of_counts(counts: Mapping[int, int]) -> list[Bar]:
    """Draw counts as they are, in the order of their labels."""
    return _scale(dict(sorted(counts.items())))


def _scale(counts: Mapping[int, int]) -> list[Bar]:
    most = max(counts.values(), default=0) or 1
    return [Bar(label, count, round(count / most * HEIGHT, 2)) for label, count in counts.items()]
