"""Which runs cover the sealed segments: at most one a level, each level 64 times the one below."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

_GROWTH_BITS = 6
"""Each run costs a query 40 us, so there should be few: two up to 268 million rows (decision 0011)."""

_FORMAT = b"lookalike run 1"


class Span(NamedTuple):
    """The segments from `begin` to below `end`."""

    begin: int
    end: int


class RunName(NamedTuple):
    """What a run covers: the place of its segments, and a digest of place and seals."""

    span: Span
    digest: str


def plan_runs(sealed: int) -> list[Span]:
    """Cover segments 0 to below `sealed`, largest run first: the digits of `sealed` to the base 64 are their sizes."""
    spans = []
    begin = 0
    for level in reversed(range(0, max(1, sealed.bit_length()), _GROWTH_BITS)):
        end = sealed >> level << level
        if end > begin:
            spans.append(Span(begin, end))
            begin = end
    return spans


def name_run(seals: Sequence[bytes], span: Span) -> RunName:
    """Name the run over `span` of the segments that have these seals."""
    digest = hashlib.sha1(_FORMAT, usedforsecurity=False)
    digest.update(b"%d" % span.begin)
    digest.update(b"".join(seals[span.begin : span.end]))
    return RunName(span, digest.hexdigest())


def cover(
    spans: Sequence[Span], names: Iterable[RunName], is_usable: Callable[[RunName], bool]
) -> Iterator[RunName]:
    """Choose runs for as much of `spans` as possible: those of an earlier plan fit in, side by side."""
    longest_first = sorted(names, key=lambda name: -name.span.end)
    for wanted in spans:
        begin = wanted.begin
        while begin < wanted.end:
            fitting = (
                name for name in longest_first if name.span.begin == begin and name.span.end <= wanted.end
            )
            best = next(filter(is_usable, fitting), None)
            if best is not None:
                yield best
            begin = best.span.end if best else begin + 1
