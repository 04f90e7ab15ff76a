"""The open segment: the newest rows of the log, in the memory of this process."""

import numpy as np
from numpy.typing import NDArray

from worker.indexing.parts import TINY, Parts
from worker.indexing.pieces import FlatRows, Piece
from worker.indexing.sorted_run import SortedRun
from worker.keyspace import SEGMENT_ROWS

_SORT_EVERY = 1 << 14
"""Rows that are compared one by one before they are sorted, too: 10 us a query, where all 65,536 take 50 to 90."""


class OpenSegment:
    """Up to a segment of rows in log order, the older ones sorted into a small run as well."""

    def __init__(self) -> None:
        self._hashes = np.empty(SEGMENT_ROWS, np.uint64)
        self._rows = 0
        self._sorted: SortedRun | None = None

    def __len__(self) -> int:
        return self._rows

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """All rows, in log order."""
        return self._hashes[: self._rows]

    def append(self, hashes: NDArray[np.uint64]) -> None:
        """Add rows; the caller sees to it that they fit."""
        self._hashes[self._rows : self._rows + len(hashes)] = hashes
        self._rows += len(hashes)

    def clear(self) -> None:
        """Forget all rows. What was given out keeps them."""
        self._hashes = np.empty(SEGMENT_ROWS, np.uint64)
        self._rows = 0
        self._sorted = None

    def pieces(self, first_row: int) -> list[Piece]:
        """Give the rows as what can be searched; `first_row` is the number of the first."""
        end = self._rows - self._rows % _SORT_EVERY
        if end and (self._sorted is None or self._sorted.end_row < first_row + end):
            self._sorted = SortedRun.of(self._hashes[:end], first_row=first_row, parts=Parts(TINY))
        flat = FlatRows(self._hashes[end : self._rows], first_row=first_row + end)
        return [flat] if self._sorted is None else [self._sorted, flat]
