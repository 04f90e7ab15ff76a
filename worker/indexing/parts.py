"""How a 64-bit hash is cut into parts, and which values of each part a query has to look at.

Multi-index hashing (Norouzi, Punjani, Fleet 2012, https://arxiv.org/abs/1307.2982): give part p the threshold
t(p), -1 for "not searched". If every part of two hashes differed in more than its threshold, they would differ
in at least the sum of t(p) + 1 bits. So where that sum is max_distance + 1, no near hash escapes.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TINY = (13, 13, 13, 13, 12)
"""Bits of each part, lowest first. For a part of the open segment: 148 lookups for ten bits, and small tables."""

SMALL = (16, 16, 16, 16)
"""The better cut below `LARGE_ROWS` rows: fewer lookups, more candidates."""

LARGE = (21, 21, 22)
"""The better cut for more rows; the top part is the one with the lower threshold, see `choose_thresholds`."""

LARGE_ROWS = 16_000_000

_HASH_BITS = 64
_ROWS_PER_LOOKUP = 12
"""Reading one more bucket costs as much as this many candidates (measured)."""


class Probes(NamedTuple):
    """The buckets within the thresholds: the i-th is `(query >> shifts[i]) & ones[i] ^ masks[i]`."""

    shifts: NDArray[np.uint64]
    ones: NDArray[np.uint64]
    masks: NDArray[np.uint64]


@dataclass(frozen=True)
class Parts:
    """A cut of 64 bits. All parts' buckets are numbered through, each part's from a multiple of its size."""

    bits: tuple[int, ...]

    def __post_init__(self) -> None:
        if sum(self.bits) != _HASH_BITS:
            raise ValueError(f"parts of {self.bits} bits do not make 64")
        if any(first % (1 << bits) for first, bits in zip(self.first_buckets, self.bits, strict=True)):
            raise ValueError(f"parts of {self.bits} bits: a larger one must not follow on too few buckets")

    @property
    def shifts(self) -> tuple[int, ...]:
        """Lowest bit of each part."""
        return tuple(sum(self.bits[:number]) for number in range(len(self.bits)))

    @property
    def first_buckets(self) -> tuple[int, ...]:
        """Number of each part's bucket 0."""
        return tuple(sum(1 << bits for bits in self.bits[:number]) for number in range(len(self.bits)))

    @property
    def buckets(self) -> int:
        """Buckets of all parts together."""
        return sum(1 << bits for bits in self.bits)


@lru_cache(maxsize=64)
def probe(parts: Parts, *, max_distance: int, rows: int) -> Probes:
    """List the buckets to read in a run of about `rows` rows."""
    thresholds = choose_thresholds(parts.bits, max_distance=max_distance, rows=rows)
    masks = [_values_within(bits, threshold) for bits, threshold in zip(parts.bits, thresholds, strict=True)]
    lookups = [len(own) for own in masks]
    return Probes(
        np.repeat(np.array(parts.shifts, dtype=np.uint64), lookups),
        np.repeat(np.array([(1 << bits) - 1 for bits in parts.bits], dtype=np.uint64), lookups),
        np.concatenate(
            [np.sort(own) + np.uint64(first) for own, first in zip(masks, parts.first_buckets, strict=True)]
        ),
    )


def choose_thresholds(bits: tuple[int, ...], *, max_distance: int, rows: int) -> tuple[int, ...]:
    """Choose the cheapest thresholds that add up to `max_distance - len(bits) + 1`.

    Bit 63 is 1 in every hash that has as many ones as zeros, so the top part has half as many buckets in use.
    """
    total = max_distance - len(bits) + 1
    # One bit more in one part multiplies its buckets by ten: the best thresholds lie close together.
    mean = total // len(bits)
    near = range(max(-1, mean - 2), mean + 4)
    costs = [
        _costs(width, rows / (1 << (width - (number == len(bits) - 1))), near[-1])
        for number, width in enumerate(bits)
    ]
    firsts = product(near, repeat=len(bits) - 1)
    vectors = ((*first, total - sum(first)) for first in firsts if total - sum(first) in near)
    return min(
        vectors,
        key=lambda vector: sum(cost[threshold + 1] for cost, threshold in zip(costs, vector, strict=True)),
    )


def _costs(width: int, rows_per_bucket: float, largest: int) -> list[float]:
    """Cost of searching one part with the thresholds -1, 0, 1, ..."""
    costs = [0.0]
    for threshold in range(largest + 1):
        costs.append(costs[-1] + comb(width, threshold) * (_ROWS_PER_LOOKUP + rows_per_bucket))
    return costs


def _values_within(bits: int, threshold: int) -> NDArray[np.uint64]:
    """List the values of `bits` bits of which at most `threshold` are 1."""
    return np.array(
        [
            sum(1 << position for position in positions)
            for ones in range(threshold + 1)
            for positions in combinations(range(bits), ones)
        ],
        dtype=np.uint64,
    )
