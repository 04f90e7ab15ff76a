"""Rows sorted once per part, so that a query reads only the buckets in which a near hash can be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from worker.parts import LARGE, LARGE_ROWS, SMALL, Parts, Probes, probe
from worker.pieces import Hits, join, scan

BLOCK = 8
"""Hashes in one cache line: candidates are fetched in whole lines, neighbours included, which the comparison
then drops. Fetching a line costs what fetching one hash does (measured: a third of the time at a million)."""

_LOOKUPS = 1 << 16
_BLOCK_BITS = 3
_BLOCKS = 1 << 14
_COUNT_UP = np.arange(_BLOCKS)


@dataclass(frozen=True)
class RunArrays:
    """The arrays of a run, in memory or mapped from a file; each hash once, 8 bytes a part and 4."""

    parts: Parts
    first_row: int
    end_row: int
    copies: NDArray[np.uint64]
    """All hashes sorted by their first part, then all sorted by the second ...; padded to whole blocks."""
    starts: NDArray[np.uint32]
    """Where each bucket begins in `copies`; the next one's begin is its end."""
    rows: NDArray[np.uint32]
    """Rows, from `first_row` on, of the last copy's hashes: that copy is in ascending order."""

    @property
    def distinct(self) -> int:
        """Hashes in one copy."""
        return len(self.rows)

    @property
    def ascending(self) -> NDArray[np.uint64]:
        """The last copy."""
        return self.copies[(len(self.parts.bits) - 1) * self.distinct :][: self.distinct]


class ArraySizes(NamedTuple):
    """Elements in each array of a run."""

    copies: int
    starts: int
    rows: int


def array_sizes(parts: Parts, distinct: int) -> ArraySizes:
    """Give the sizes of the arrays for so many distinct hashes."""
    return ArraySizes(-(-distinct * len(parts.bits) // BLOCK) * BLOCK, parts.buckets + 1, distinct)


def choose_parts(rows: int) -> Parts:
    """Choose the cut for a run of so many rows."""
    return Parts(LARGE if rows >= LARGE_ROWS else SMALL)


def keep_first_rows(
    hashes: NDArray[np.uint64], rows: NDArray[np.uint32]
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Sort hashes, each with the lowest row at which it appears."""
    order = hashes.argsort()
    hashes, rows = hashes[order], rows[order]
    del order
    is_new = np.ones(len(hashes), dtype=bool)
    np.not_equal(hashes[1:], hashes[:-1], out=is_new[1:])
    if is_new.all():
        return hashes, rows
    begins = is_new.nonzero()[0]
    return hashes[begins], np.minimum.reduceat(rows, begins)


def fill_run(arrays: RunArrays, hashes: NDArray[np.uint64], rows: NDArray[np.uint32]) -> None:
    """Fill the arrays of a run from hashes in ascending order and the row of each."""
    parts, count = arrays.parts, len(hashes)
    for number, (bits, shift) in enumerate(zip(parts.bits, parts.shifts, strict=True)):
        # Turned so that the part comes first, the plain order of numbers is the order wanted.
        turn, back = np.uint64(64 - bits - shift), np.uint64(bits + shift)
        copy = (hashes << turn) | (hashes >> back) if turn else hashes
        if turn:
            copy.sort()
        begin, first = number * count, parts.first_buckets[number]
        bounds = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
        arrays.starts[first : first + len(bounds)] = copy.searchsorted(bounds) + begin
        arrays.copies[begin : begin + count] = (copy >> turn) | (copy << back) if turn else copy
    # What fills the last block is a hash of the run: whatever it is near to, it is found anyway.
    arrays.copies[len(parts.bits) * count :] = hashes[0] if count else 0
    arrays.starts[-1] = len(parts.bits) * count
    arrays.rows[:] = rows


class SortedRun:
    """Consecutive rows, searched by multi-index hashing; exact at every horizon."""

    def __init__(self, arrays: RunArrays) -> None:
        self.arrays = arrays
        self.first_row = arrays.first_row
        self.end_row = arrays.end_row
        self._blocks = arrays.copies.reshape(-1, BLOCK)
        self._starts = arrays.starts[:-1]
        self._next_starts = arrays.starts[1:]
        self._probes: dict[int, Probes] = {}
        self._ascending = arrays.ascending

    @classmethod
    def of(cls, hashes: NDArray[np.uint64], *, first_row: int = 0, parts: Parts | None = None) -> Self:
        """Build a run in memory from rows in log order."""
        end_row = first_row + len(hashes)
        hashes, rows = keep_first_rows(hashes, np.arange(len(hashes), dtype=np.uint32))
        parts = parts or choose_parts(len(hashes))
        sizes = array_sizes(parts, len(hashes))
        arrays = RunArrays(
            parts,
            first_row,
            end_row,
            copies=np.empty(sizes.copies, np.uint64),
            starts=np.empty(sizes.starts, np.uint32),
            rows=np.empty(sizes.rows, np.uint32),
        )
        fill_run(arrays, hashes, rows)
        return cls(arrays)

    def find(self, queries: NDArray[np.uint64], *, max_distance: int) -> Hits:
        """Find the rows near each query."""
        if not self.arrays.distinct:
            return join([])
        if max_distance not in self._probes:
            size = 1 << self.arrays.distinct.bit_length()
            self._probes[max_distance] = probe(self.arrays.parts, max_distance=max_distance, rows=size)
        probes = self._probes[max_distance]
        step = max(1, _LOOKUPS // len(probes.masks))
        if len(queries) <= step:
            return self._find_few(queries, probes, max_distance)
        found = []
        for begin in range(0, len(queries), step):
            hits = self._find_few(queries[begin : begin + step], probes, max_distance)
            found.append(hits._replace(query=hits.query + begin))
        return join(found)

    def find_before(
        self, queries: NDArray[np.uint64], before: NDArray[np.int64], *, max_distance: int
    ) -> Hits:
        """Find the rows near each query whose number is below its horizon."""
        hits = self.find(queries, max_distance=max_distance)
        rows = self.arrays.rows[self._ascending.searchsorted(hits.hash)]
        kept = (rows < before[hits.query] - self.first_row).nonzero()[0]
        return Hits(hits.query[kept], hits.hash[kept], hits.distance[kept])

    def _find_few(self, queries: NDArray[np.uint64], probes: Probes, max_distance: int) -> Hits:
        buckets = queries[:, None] >> probes.shifts
        buckets &= probes.ones
        buckets ^= probes.masks
        # Each lookup as blocks from `begins` to `ends`; the next bucket's start is the end of this one.
        lookups = buckets.ravel().view(np.int64)
        begins = self._starts.take(lookups)
        ends = self._next_starts.take(lookups)
        begins >>= _BLOCK_BITS
        ends += BLOCK - 1
        ends >>= _BLOCK_BITS
        ends -= begins
        blocks = ends
        last = blocks.cumsum(dtype=np.int64)
        per_query = len(probes.masks)
        found = []
        if int(last[-1]) * (2 * BLOCK) > self.arrays.distinct:
            # Many hashes that share parts: comparing all in one sweep costs less than fetching most of them.
            totals = np.diff(last[per_query - 1 :: per_query], prepend=0)
            for number in (totals * (2 * BLOCK) > self.arrays.distinct).nonzero()[0].tolist():
                found.append(scan(self._ascending, queries[number], number=number, max_distance=max_distance))
                blocks[number * per_query : (number + 1) * per_query] = 0
            last = blocks.cumsum(dtype=np.int64)
        found.extend(self._compare(queries, begins, blocks, last, max_distance=max_distance))
        return join(found)

    def _compare(
        self,
        queries: NDArray[np.uint64],
        begins: NDArray[np.uint32],
        blocks: NDArray[np.uint32],
        ends: NDArray[np.int64],
        *,
        max_distance: int,
    ) -> Iterator[Hits]:
        """For each lookup i, compare all hashes of `blocks[i]` blocks from block `begins[i]` on."""
        total = int(ends[-1])
        per_query = len(blocks) // len(queries)
        to_block = begins - ends
        to_block += blocks
        differing = np.empty((min(total, _BLOCKS), BLOCK), np.uint64)
        for begin in range(0, total, _BLOCKS):
            end = min(total, begin + _BLOCKS)
            if total <= _BLOCKS:
                lookups, taken = slice(None), blocks
            else:
                first, last = ends.searchsorted((begin, end - 1), side="right").tolist()
                lookups = slice(first, last + 1)
                taken = np.diff(np.minimum(ends[lookups], end), prepend=begin)
            wanted = to_block[lookups].repeat(taken)
            wanted += _COUNT_UP[: end - begin]
            if begin:
                wanted += begin
            block = differing[: end - begin]
            self._blocks.take(wanted, axis=0, out=block, mode="clip")
            if len(queries) == 1:
                block ^= queries
            else:
                block ^= queries.repeat(per_query)[lookups].repeat(taken)[:, None]
            distances = np.bitwise_count(block)
            near = (distances <= max_distance).ravel().nonzero()[0]
            number = ends.searchsorted((near >> _BLOCK_BITS) + begin, side="right") // per_query
            yield Hits(number, block.take(near) ^ queries.take(number), distances.take(near))
