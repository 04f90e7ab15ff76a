"""Exact radius search over 64-bit hashes: pieces of a log go in, the hashes near a query come out."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from worker.indexing.pieces import Hits, Piece

MAX_DISTANCE = 16
"""The largest distance that can be searched, in bits."""

Matches = tuple[NDArray[np.uint64], NDArray[np.uint8]]
"""The distinct hashes near one query, nearest first and then by value, and their distances."""


_NO_HORIZON = np.iinfo(np.int64).max
_FEW_HITS = 64


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
        if not len(queries):
            return []
        lowest = _NO_HORIZON if before is None else int(before[0] if len(before) == 1 else before.min())
        found: list[Hits] = []
        for piece in self.pieces:
            if before is None or lowest >= piece.end_row:
                found += piece.find(queries, max_distance=max_distance)
            elif len(queries) > 1 or lowest > piece.first_row:
                found += piece.find_before(queries, before, max_distance=max_distance)
        return _rank(found, queries)


def _rank(found: list[Hits], queries: NDArray[np.uint64]) -> list[Matches]:
    if sum(len(hits.hash) for hits in found) <= _FEW_HITS:
        return _rank_few(found, len(queries))
    hashes = np.concatenate([hits.hash for hits in found])
    if len(queries) == 1:
        return [_rank_one(hashes, queries[0])]
    numbers = np.concatenate([hits.query for hits in found])
    order = numbers.argsort(kind="stable")
    bounds = numbers.searchsorted(np.arange(len(queries) + 1), sorter=order).tolist()
    hashes = hashes.take(order)
    return [
        _rank_one(hashes[begin:end], query)
        for query, (begin, end) in zip(queries, pairwise(bounds), strict=True)
    ]


def _rank_one(hashes: NDArray[np.uint64], query: np.uint64) -> Matches:
    hashes = np.sort(hashes)
    is_new = np.ones(len(hashes), dtype=bool)
    np.not_equal(hashes[1:], hashes[:-1], out=is_new[1:])
    hashes = hashes[is_new]
    distances = np.bitwise_count(hashes ^ query)
    order = distances.argsort(kind="stable")
    return hashes.take(order), distances.take(order)


def _rank_few(found: list[Hits], queries: int) -> list[Matches]:
    """Do the same for few hits without numpy, whose fixed cost would be the larger part."""
    ranked: list[tuple[list[int], list[int]]] = [([], []) for _ in range(queries)]
    triples: set[tuple[int, int, int]] = set()
    for hits in found:
        triples.update(zip(hits.query.tolist(), hits.distance.tolist(), hits.hash.tolist(), strict=True))
    for query, distance, phash in sorted(triples):
        ranked[query][0].append(phash)
        ranked[query][1].append(distance)
    return [
        (np.array(hashes, dtype=np.uint64), np.array(distances, dtype=np.uint8))
        for hashes, distances in ranked
    ]
