"""A piece of the log: some consecutive rows that can be searched, and what a search of them finds."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

SCAN_ROWS = 1 << 15
"""Rows that are compared at a time: what they need stays in the second-level cache."""


class Hits(NamedTuple):
    """What one piece found: parallel arrays, in any order, a hash possibly more than once."""

    query: NDArray[np.intp]
    hash: NDArray[np.uint64]
    distance: NDArray[np.uint8]


class Piece(Protocol):
    """The rows of the log from `first_row` to below `end_row`, ready to be searched."""

    first_row: int
    end_row: int

    def find(self, queries: NDArray[np.uint64], *, max_distance: int) -> list[Hits]:
        """Find the rows near each query; nothing empty is in the list."""

    def find_before(
        self, queries: NDArray[np.uint64], before: NDArray[np.int64], *, max_distance: int
    ) -> list[Hits]:
        """Find the rows near each query whose number is below its horizon."""


class FlatRows:
    """Rows in log order, compared one by one: the open segment, and segments that no run covers yet."""

    def __init__(self, hashes: NDArray[np.uint64], *, first_row: int) -> None:
        self.hashes = hashes
        self.first_row = first_row
        self.end_row = first_row + len(hashes)

    def find(self, queries: NDArray[np.uint64], *, max_distance: int) -> list[Hits]:
        """Compare all rows: 1 ns a row and query."""
        found = []
        for number, query in enumerate(queries):
            found += scan(self.hashes, query, number=number, max_distance=max_distance)
        return found

    def find_before(
        self, queries: NDArray[np.uint64], before: NDArray[np.int64], *, max_distance: int
    ) -> list[Hits]:
        """Compare the rows below each query's horizon."""
        found = []
        for number, (query, horizon) in enumerate(zip(queries, before.tolist(), strict=True)):
            if horizon > self.first_row:
                rows = self.hashes[: horizon - self.first_row]
                found += scan(rows, query, number=number, max_distance=max_distance)
        return found


def scan(hashes: NDArray[np.uint64], query: np.uint64, *, number: int, max_distance: int) -> list[Hits]:
    """Compare one query, the `number`-th, with every hash."""
    differing = np.empty(min(len(hashes), SCAN_ROWS), np.uint64)
    found = []
    for begin in range(0, len(hashes), SCAN_ROWS):
        rows = hashes[begin : begin + SCAN_ROWS]
        distances = np.bitwise_count(np.bitwise_xor(rows, query, out=differing[: len(rows)]))
        near = (distances <= max_distance).nonzero()[0]
        if len(near):
            found.append(Hits(np.full(len(near), number), rows.take(near), distances.take(near)))
    return found
