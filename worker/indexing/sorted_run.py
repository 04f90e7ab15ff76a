"""Rows sorted once per part, so that a query reads only the buckets in which a near hash can be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from worker.indexing.parts import LARGE, LARGE_ROWS, SMALL, Parts, Probes, probe
from worker.indexing.pieces import Hits, scan

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


def sort_copies(
    parts: Parts, hashes: NDArray[np.uint64], starts: NDArray[np.uint32]
) -> Iterator[NDArray[np.uint64]]:
    """Give the copies of ascending hashes one after the other, filled up to whole blocks, and fill `starts`."""
    count = len(hashes)
    if len(parts.bits) * count >= 1 << 32:
        raise ValueError(f"a run of {count} hashes: the table of its buckets counts to 2^32")
    for number, (bits, shift) in enumerate(zip(parts.bits, parts.shifts, strict=True)):
        # Turned so that the part comes first, the plain order of numbers is the order wanted.
        turn, back = np.uint64(64 - bits - shift), np.uint64(bits + shift)
        copy = (hashes << turn) | (hashes >> back) if turn else hashes
        if turn:
            copy.sort()
        first = parts.first_buckets[number]
        bounds = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
        starts[first : first + len(bounds)] = copy.searchsorted(bounds) + number * count
        yield (copy >> turn) | (copy << back) if turn else copy
    starts[-1] = len(parts.bits) * count
    # What fills the last block is a hash of the run: whatever it is near to, it is found anyway.
    yield hashes[:1].repeat(array_sizes(parts, count).copies - len(parts.bits) * count)


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
        starts = np.empty(parts.buckets + 1, np.uint32)
        copies = np.concatenate(list(sort_copies(parts, hashes, starts)))
        arrays = RunArrays(parts, first_row, end_row, copies, starts, rows)
        return cls(arrays)

    def find(self, queries: NDArray[np.uint64], *, max_distance: int) -> list[Hits]:
        """Find the rows near each query; one of them possibly more than once."""
        if not self.arrays.distinct:
            return []
        probes = self._probes.get(max_distance)
        if probes is None:
            size = 1 << self.arrays.distinct.bit_length()
            probes = probe(self.arrays.parts, max_distance=max_distance, rows=size)
            self._probes[max_distance] = probes
        step = max(1, _LOOKUPS // len(probes.masks))
        if len(queries) <= step:
            return self._find_few(queries, probes, max_distance)
        return [
            hits._replace(query=hits.query + begin)
            for begin in range(0, len(queries), step)
            for hits in self._find_few(queries[begin : begin + step], probes, max_distance)
        ]

    def find_before(
        self, queries: NDArray[np.uint64], before: NDArray[np.int64], *, max_distance: int
    ) -> list[Hits]:
        """Find the rows near each query whose number is below its horizon."""
        found = []
        for hits in self.find(queries, max_distance=max_distance):
            rows = self.arrays.rows[self._ascending.searchsorted(hits.hash)]
            kept = (rows < before[hits.query] - self.first_row).nonzero()[0]
            if len(kept):
                found.append(Hits(hits.query[kept], hits.hash[kept], hits.distance[kept]))
        return found

    def _find_few(self, queries: NDArray[np.uint64], probes: Probes, max_distance: int) -> list[Hits]:
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
        found: list[Hits] = []
        if int(last[-1]) * (2 * BLOCK) > self.arrays.distinct:
            # Many hashes that share parts: comparing all in one sweep costs less than fetching most of them.
            totals = np.diff(last[per_query - 1 :: per_query], prepend=0)
            for number in (totals * (2 * BLOCK) > self.arrays.distinct).nonzero()[0].tolist():
                found += scan(self._ascending, queries[number], number=number, max_distance=max_distance)
                blocks[number * per_query : (number + 1) * per_query] = 0
            last = blocks.cumsum(dtype=np.int64)
        found.extend(self._compare(queries, begins, blocks, last, max_distance=max_distance))
        return found

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
            if not len(near):
                continue
            if len(queries) == 1:
                yield Hits(np.zeros(len(near), np.intp), block.take(near) ^ queries, distances.take(near))
            else:
                number = ends.searchsorted((near >> _BLOCK_BITS) + begin, side="right") // per_query
                yield Hits(number, block.take(near) ^ queries.take(number), distances.take(near))
