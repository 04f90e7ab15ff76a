"""Exact radius search over 64-bit hashes: pieces of a log go in, the hashes near a query come out."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

MAX_DISTANCE = 16
"""The largest distance that can be searched, in bits."""

Matches = tuple[NDArray[np.uint64], NDArray[np.uint8]]
"""The distinct hashes near one query, nearest first and then by value, and their distances."""


class Hits(NamedTuple):
    """What one piece found: parallel arrays, in any order."""

    query: NDArray[np.intp]
    hash: NDArray[np.uint64]
    distance: NDArray[np.uint8]


class Piece(Protocol):
    """Some consecutive rows of the log, ready to be searched."""

    def find(self, queries: NDArray[np.uint64], *, max_distance: int, before: NDArray[np.int64]) -> Hits:
        """Find the rows near each query whose number is below its horizon."""


class FlatRows:
    """Rows in log order, searched one by one: the open segment, and segments that no run covers yet."""

    def __init__(self, hashes: NDArray[np.uint64], *, first_row: int) -> None:
        self.hashes = hashes
        self.first_row = first_row

    def find(self, queries: NDArray[np.uint64], *, max_distance: int, before: NDArray[np.int64]) -> Hits:
        """Scan all rows below each query's horizon."""
        found = []
        for number, (query, horizon) in enumerate(zip(queries, before.tolist(), strict=True)):
            rows = self.hashes[: max(0, horizon - self.first_row)]
            distances = np.bitwise_count(rows ^ query)
            near = np.flatnonzero(distances <= max_distance)
            found.append(Hits(np.full(len(near), number, dtype=np.intp), rows[near], distances[near]))
        return join(found)


class HammingIndex:
    """Exact search over all pieces of a log; no false negatives, no approximation."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = list(pieces)

    def search(
        self, queries: NDArray[np.uint64], *, max_distance: int, before: NDArray[np.int64] | None = None
    ) -> list[Matches]:
        """Find the distinct hashes within `max_distance` bits (inclusive, 0 to 16) of each query.

        A query finds itself where the log holds it. `before[i]` is the horizon of `queries[i]`: only rows
        below it count.
        """
        if not 0 <= max_distance <= MAX_DISTANCE:
            raise ValueError(f"max_distance {max_distance}: use 0 to {MAX_DISTANCE}")
        if before is None:
            before = np.full(len(queries), np.iinfo(np.int64).max)
        hits = join([piece.find(queries, max_distance=max_distance, before=before) for piece in self.pieces])
        return _rank(hits, len(queries))


def join(found: Sequence[Hits]) -> Hits:
    """Put several findings behind each other."""
    if len(found) == 1:
        return found[0]
    if not found:
        return Hits(np.empty(0, np.intp), np.empty(0, np.uint64), np.empty(0, np.uint8))
    return Hits(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _rank(hits: Hits, queries: int) -> list[Matches]:
    order = np.lexsort((hits.hash, hits.distance, hits.query))
    query, hashes, distances = hits.query[order], hits.hash[order], hits.distance[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (hashes[1:] != hashes[:-1]) | (query[1:] != query[:-1])
    query, hashes, distances = query[is_new], hashes[is_new], distances[is_new]
    bounds = np.searchsorted(query, np.arange(queries + 1))
    return [(hashes[begin:end], distances[begin:end]) for begin, end in pairwise(bounds.tolist())]
