"""Archives in which nearly all hashes share parts: exact, in bounded time and memory."""

import time
import tracemalloc

import numpy as np
import pytest

from worker.index import HammingIndex
from worker.indexing.parts import LARGE, SMALL, Parts
from worker.indexing.sorted_run import SortedRun

MILLION = 1_000_000
TEMPLATE = np.uint64(0x81D07FFFE0611A85)


def template_family() -> np.ndarray:
    """A million hashes that are equal but for their lowest 20 bits: three of four parts are the same in all."""
    return (TEMPLATE & ~np.uint64(0xFFFFF)) | np.arange(MILLION, dtype=np.uint64)


@pytest.mark.parametrize("cut", [SMALL, LARGE])
def test_a_template_family_is_searched_exactly_and_no_slower_than_a_scan(cut):
    rows = template_family()
    index = HammingIndex([SortedRun.of(rows, parts=Parts(cut))])
    query = np.array([TEMPLATE])

    begin = time.perf_counter()
    ((hashes, distances),) = index.search(query, max_distance=5)
    took_s = time.perf_counter() - begin

    expected = rows[np.bitwise_count(rows ^ TEMPLATE) <= 5]
    assert np.array_equal(np.sort(hashes), expected)
    assert np.array_equal(distances, np.sort(np.bitwise_count(expected ^ TEMPLATE)))
    assert took_s < 0.25


def test_a_million_matches_of_one_query_need_a_hundred_megabytes_at_most():
    rows = template_family()
    index = HammingIndex([SortedRun.of(rows)])
    query = np.array([TEMPLATE])
    index.search(query, max_distance=0)

    tracemalloc.start()
    ((hashes, _),) = index.search(query, max_distance=16)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(hashes) > 990_000
    assert peak < 100 * 2**20


def test_a_million_times_the_same_hash_is_one_match():
    index = HammingIndex([SortedRun.of(np.full(MILLION, TEMPLATE))])

    ((hashes, distances),) = index.search(np.array([TEMPLATE]), max_distance=10)

    assert (hashes.tolist(), distances.tolist()) == ([int(TEMPLATE)], [0])


def test_a_batch_of_a_family_is_exact():
    rows = template_family()[::7]
    index = HammingIndex([SortedRun.of(rows)])
    queries = np.concatenate([rows[:50], ~rows[:2]])

    found = index.search(queries, max_distance=4)

    for query, (hashes, _) in zip(queries, found, strict=True):
        assert np.array_equal(np.sort(hashes), rows[np.bitwise_count(rows ^ query) <= 4])
