"""The index against a slow, obvious scan, over random, real and degenerate populations."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worker.index import HammingIndex, Matches
from worker.indexing.parts import LARGE, SMALL, TINY, Parts
from worker.indexing.pieces import FlatRows
from worker.indexing.sorted_run import SortedRun

REAL = np.load(Path(__file__).parents[2] / "benchmarks" / "data" / "real-hashes.npy")
CUTS = [Parts(TINY), Parts(SMALL), Parts(LARGE)]


def scan(
    rows: NDArray[np.uint64], query: np.uint64, *, max_distance: int, before: int | None = None
) -> list[tuple[int, int]]:
    """Compare one by one: distance and hash of every distinct hash, sorted."""
    near = {((int(row) ^ int(query)).bit_count(), int(row)) for row in rows[:before]}
    return sorted(pair for pair in near if pair[0] <= max_distance)


def pairs(matches: Matches) -> list[tuple[int, int]]:
    hashes, distances = matches
    assert (hashes.dtype, distances.dtype) == (np.uint64, np.uint8)
    return list(zip(distances.tolist(), hashes.tolist(), strict=True))


def with_bits_flipped(phash: np.uint64, bits: int, rng: np.random.Generator) -> np.uint64:
    for position in rng.choice(64, bits, replace=False):
        phash ^= np.uint64(1) << np.uint64(position)
    return phash


@pytest.mark.parametrize("parts", CUTS)
@pytest.mark.parametrize("max_distance", range(17))
def test_every_hash_within_the_distance_is_found_and_none_beyond(parts, max_distance):
    rng = np.random.default_rng(max_distance)
    query = rng.choice(REAL)
    near = [with_bits_flipped(query, bits, rng) for bits in range(20) for _ in range(30)]
    rows = np.array([*near, *rng.choice(REAL, 3_000)], np.uint64)
    index = HammingIndex([SortedRun.of(rows, parts=parts)])

    (found,) = index.search(np.array([query]), max_distance=max_distance)

    assert pairs(found) == scan(rows, query, max_distance=max_distance)


@pytest.mark.parametrize(("bits", "is_found"), [(0, True), (10, True), (11, False)])
def test_the_distance_is_inclusive(bits, is_found):
    query = np.uint64(0x81D07FFFE0611A85)
    other = with_bits_flipped(query, bits, np.random.default_rng(1))

    for piece in (SortedRun.of(np.array([other])), FlatRows(np.array([other]), first_row=0)):
        ((hashes, _),) = HammingIndex([piece]).search(np.array([query]), max_distance=10)
        assert hashes.tolist() == ([int(other)] if is_found else [])


def test_the_published_example_is_at_distance_ten():
    rows = np.array([0x87D03E7EE0259E85, 0xC1967E7EE0211E8D, 0x81D07FFFE0611A85], np.uint64)

    (found,) = HammingIndex([SortedRun.of(rows)]).search(rows[2:], max_distance=10)

    assert pairs(found) == [(0, int(rows[2])), (10, int(rows[0])), (10, int(rows[1]))]


@pytest.mark.parametrize("extreme", [0, 2**63, 2**64 - 1, 1])
def test_extreme_hashes_are_found_and_nothing_is_made_up(extreme):
    query = np.array([extreme], np.uint64)

    (found,) = HammingIndex([SortedRun.of(query)]).search(query, max_distance=16)
    (nothing,) = HammingIndex([SortedRun.of(~query)]).search(query, max_distance=16)

    assert pairs(found) == [(0, extreme)]
    assert pairs(nothing) == []


hashes = st.integers(0, 2**64 - 1)
clumped = st.builds(
    lambda base, noise: base ^ noise, st.sampled_from(REAL[:4].tolist()), st.integers(0, 2**12)
)


@given(
    rows=st.lists(hashes | clumped, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=3),
    queries=st.lists(hashes | clumped, max_size=5),
    max_distance=st.integers(0, 16),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_any_division_into_pieces_and_any_horizon_give_what_a_scan_gives(
    rows, cuts, queries, max_distance, data
):
    log = np.array(rows, np.uint64)
    bounds = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    pieces = [
        SortedRun.of(log[begin:end], first_row=begin)
        if data.draw(st.booleans())
        else FlatRows(log[begin:end], first_row=begin)
        for begin, end in pairwise(bounds)
    ]
    before = np.array([data.draw(st.integers(0, len(log) + 2)) for _ in queries], np.int64)

    found = HammingIndex(pieces).search(
        np.array(queries, np.uint64), max_distance=max_distance, before=before
    )

    assert [pairs(matches) for matches in found] == [
        scan(log, np.uint64(query), max_distance=max_distance, before=int(horizon))
        for query, horizon in zip(queries, before, strict=True)
    ]


def test_a_batch_finds_what_its_queries_find_alone():
    rng = np.random.default_rng(3)
    queries = rng.choice(REAL, 300)
    index = HammingIndex([SortedRun.of(REAL[:20_000]), FlatRows(REAL[20_000:], first_row=20_000)])

    together = index.search(queries, max_distance=10)

    alone = [index.search(query, max_distance=10)[0] for query in queries[:, None]]
    assert [pairs(matches) for matches in together] == [pairs(matches) for matches in alone]


def test_of_an_equal_hash_the_first_row_counts_for_the_horizon():
    rows = np.array([7, 5, 7, 5, 5], np.uint64)
    index = HammingIndex([SortedRun.of(rows, first_row=100)])
    query = np.array([5], np.uint64)

    found = [
        pairs(index.search(query, max_distance=0, before=np.array([row]))[0]) for row in (100, 101, 102, 105)
    ]

    assert found == [[], [], [(0, 5)], [(0, 5)]]


def test_an_empty_index_and_an_empty_batch_find_nothing():
    query = np.array([1], np.uint64)
    empty = np.empty(0, np.uint64)

    assert [pairs(matches) for matches in HammingIndex([]).search(query, max_distance=10)] == [[]]
    assert [pairs(m) for m in HammingIndex([SortedRun.of(empty)]).search(query, max_distance=10)] == [[]]
    assert (
        HammingIndex([SortedRun.of(query)]).search(empty, max_distance=10, before=np.empty(0, np.int64)) == []
    )


@pytest.mark.parametrize("max_distance", [-1, 17])
def test_a_distance_out_of_range_is_refused(max_distance):
    with pytest.raises(ValueError, match="use 0 to 16"):
        HammingIndex([]).search(np.array([1], np.uint64), max_distance=max_distance)
