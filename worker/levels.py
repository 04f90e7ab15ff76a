"""Which runs cover the sealed segments: at most one a level, each level eight times the one below."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_GROWTH_BITS = 3
_FORMAT = b"lookalike run 1"


class Span(NamedTuple):
    """The segments from `begin` to below `end`."""

    begin: int
    end: int


def plan_runs(sealed: int) -> list[Span]:
    """Cover segments 0 to below `sealed`, largest run first: the octal digits of `sealed` are their sizes."""
    spans = []
    begin = 0
    for level in reversed(range(0, max(1, sealed.bit_length()), _GROWTH_BITS)):
        end = sealed >> level << level
        if end > begin:
            spans.append(Span(begin, end))
            begin = end
    return spans


def cover(spans: Sequence[Span], is_there: Callable[[Span], bool]) -> Iterator[Span]:
    """Give the existing runs that together cover most of `spans`: those of an earlier plan fit in."""
    for wanted in spans:
        begin = wanted.begin
        while begin < wanted.end:
            best = next((span for span in _runs_from(begin, wanted.end) if is_there(span)), None)
            if best is not None:
                yield best
            begin = best.end if best else begin + 1


def _runs_from(begin: int, limit: int) -> Iterator[Span]:
    """List every run that any plan could have made from `begin` to at most `limit`, largest first."""
    for level in reversed(range(0, max(1, limit.bit_length()), _GROWTH_BITS)):
        if begin % (1 << level + _GROWTH_BITS) == 0 or begin == 0:
            for size in reversed(range(1, 1 << _GROWTH_BITS)):
                if begin + (size << level) <= limit:
                    yield Span(begin, begin + (size << level))


def run_digest(seals: Sequence[bytes], span: Span) -> str:
    """Name a run by what it covers: where it begins, and the seals of its segments."""
    digest = hashlib.sha1(_FORMAT, usedforsecurity=False)
    digest.update(b"%d" % span.begin)
    digest.update(b"".join(seals[span.begin : span.end]))
    return digest.hexdigest()
