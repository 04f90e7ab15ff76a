"""Searches for people: the nearest at once, all others page by page, as brute force finds them."""

import pytest

from tests.filer import Filer
from worker.reading.listing import Listing
from worker.reading.lookup import Lookup
from worker.replica import Replica

ASKED = 0x00000000FFFFFFFF


@pytest.fixture
def lookup(client, keys, scripts, tmp_path):
    """The hash that is asked for, 32 look-alikes at distance 2, and a stranger."""
    filer = Filer(client, keys, scripts)
    near = [ASKED ^ (1 << bit) ^ (1 << (bit + 32)) for bit in range(32)]
    for phash in [ASKED, *near, 0xFFFFFFFF00000000]:
        filer.file(phash, name=f"https://example.org/{phash:016x}")
    replica = Replica(client, keys, cache_dir=tmp_path)
    yield Lookup(replica, Listing(scripts, keys=keys)), near
    replica.close()


@pytest.mark.parametrize("limit", [0, 5, 32, 100])
def test_the_nearest_and_those_further_on_are_all_look_alikes(lookup, monkeypatch, limit):
    monkeypatch.setattr("worker.reading.lookup._PAGE", 7)
    lookup, near = lookup

    found = lookup.find(ASKED, max_distance=10, limit=limit)
    further = list(found.further)

    assert (found.exact.phash, found.match_count) == (ASKED, 32)
    assert len(found.matches) == min(limit, 32)
    assert [match.cluster.phash for match in found.matches + further] == sorted(near)
    assert {match.distance for match in found.matches + further} == {2}
    assert {bits: count for bits, count in found.histogram.items() if count} == {2: 32}
