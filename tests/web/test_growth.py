"""Listings by growth: what gained most in a window, also where a filter drops the first of them."""

import pytest

from tests.filer import Filer
from worker.reading.listing import Listing
from worker.reading.periods import Period, Periods
from worker.web.choosing import Choice, choose_page
from worker.web.growth import MAX_GROWTH_IMAGES, MAX_REMEMBERED, Growth, check_growth
from worker.web.problems import ProblemError
from worker.web.service import OpenArchive


@pytest.fixture
def archive(client, keys, scripts, uuid):
    """Cluster n of 12 has n images; those of even n come from `a`, the others from `b`."""
    filer = Filer(client, keys, scripts)
    for phash in range(1, 13):
        for number in range(phash):
            filer.file(phash, source="ab"[phash % 2], name=f"https://example.org/{phash}/{number}")
    periods = Periods(client, scripts, keys=keys)
    growth = Growth(periods, most=5000)
    return OpenArchive(uuid, scripts, Listing(scripts, keys=keys), None, None, periods, growth)


def _grown(archive, *, limit=3, **choice):
    page = choose_page(archive, Choice("growth", **choice), cursor=None, limit=limit)
    assert page.next is None
    assert all(cluster.phash in page.gained for cluster in page.clusters)
    return [(cluster.phash, page.gained[cluster.phash]) for cluster in page.clusters]


def test_the_clusters_that_gained_most_come_first(archive):
    assert _grown(archive) == [(12, 12), (11, 11), (10, 10)]
    assert _grown(archive, since="2020-01-01") == [(12, 12), (11, 11), (10, 10)]


def test_a_source_is_looked_for_beyond_those_that_it_drops(archive):
    assert _grown(archive, source="b", limit=5) == [(11, 11), (9, 9), (7, 7), (5, 5), (3, 3)]
    assert _grown(archive, source="nobody") == []


@pytest.mark.parametrize(("min_size", "expected"), [(2, 11), (9, 4), (12, 1), (13, 0)])
def test_all_that_are_large_enough_are_found(archive, min_size, expected):
    assert len(_grown(archive, min_size=min_size, limit=50)) == expected


def test_a_window_without_images_has_no_cluster(archive):
    assert _grown(archive, since="2020-01-01", until="2020-01-31") == []
    assert _grown(archive, until="2020-01-31") == []
    assert _grown(archive, since="2100-01-01") == []


def test_a_window_of_too_many_images_is_refused():
    check_growth(Period(7, 7 + MAX_GROWTH_IMAGES))

    with pytest.raises(ProblemError, match="take a shorter one") as raised:
        check_growth(Period(7, 8 + MAX_GROWTH_IMAGES))

    assert (raised.value.status, raised.value.kind) == (422, "window-too-large")


def test_there_is_one_page(archive):
    with pytest.raises(ProblemError) as raised:
        choose_page(archive, Choice("growth"), cursor="size-2-0000000000000001", limit=3)

    assert raised.value.status == 400


@pytest.fixture
def growth(client, keys, scripts):
    """A function that files images of one hash, and what counts them."""
    filer = Filer(client, keys, scripts)

    def file(*numbers):
        for number in numbers:
            filer.file(7, name=f"https://example.org/{number}")

    return file, Growth(Periods(client, scripts, keys=keys), most=5000)


def test_what_was_counted_is_told_again_for_a_minute(growth, monkeypatch):
    file, growth = growth
    file(1, 2)

    first = growth.gains(None, None)
    file(3)
    again, other = growth.gains(None, None), growth.gains(0, None)
    monkeypatch.setattr("worker.web.growth.REMEMBERED_S", 0.0)
    later = growth.gains(None, None)

    assert (first, again, other, later) == ([(7, 2)], [(7, 2)], [(7, 3)], [(7, 3)])


def test_of_many_windows_the_latest_are_remembered(growth):
    file, growth = growth
    file(1)

    for since_ms in range(MAX_REMEMBERED + 1):
        growth.gains(since_ms, None)
    file(2)

    assert growth.gains(MAX_REMEMBERED, None) == [(7, 1)]
    assert growth.gains(0, None) == [(7, 2)]
