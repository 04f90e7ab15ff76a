"""The thresholds: no near hash may escape every part."""

import pytest

from worker.indexing.parts import LARGE, SMALL, TINY, Parts, choose_thresholds, probe


@pytest.mark.parametrize("bits", [TINY, SMALL, LARGE])
@pytest.mark.parametrize("max_distance", range(17))
@pytest.mark.parametrize("rows", [1, 65_536, 100_000_000])
def test_a_hash_beyond_every_threshold_is_beyond_the_distance(bits, max_distance, rows):
    thresholds = choose_thresholds(bits, max_distance=max_distance, rows=rows)

    assert sum(threshold + 1 for threshold in thresholds) == max_distance + 1
    assert min(thresholds) >= -1


def test_ten_bits_in_four_parts_look_up_428_buckets():
    assert choose_thresholds(SMALL, max_distance=10, rows=1_000_000) == (2, 2, 2, 1)
    assert len(probe(Parts(SMALL), max_distance=10, rows=1_000_000).masks) == 428


def test_an_exact_match_looks_up_one_bucket():
    assert len(probe(Parts(SMALL), max_distance=0, rows=1_000_000).masks) == 1


@pytest.mark.parametrize("bits", [(16, 16, 16), (16, 16, 20, 12)])
def test_a_cut_whose_buckets_would_overlap_is_refused(bits):
    with pytest.raises(ValueError, match="parts of"):
        Parts(bits)
