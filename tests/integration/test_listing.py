"""Listings are read page by page: the same as a slow, obvious version, whatever moves meanwhile."""

import random

import pytest

from tests.filer import Filer
from worker.reading.listing import Filter, Listing

SEED = 7


@pytest.fixture
def filer(client, keys, scripts):
    return Filer(client, keys, scripts)


def _pages(listing, order, *, only=Filter(), limit=7):  # noqa: B008 - frozen
    position, found = None, []
    while True:
        clusters, position = listing.page(order, only=only, after=position, limit=limit)
        found += clusters
        if position is None:
            return found


@pytest.fixture
def filled(filer, scripts, keys):
    """Of 60 clusters the sizes and what was filed, by hash: many of the same size, in random order."""
    rng = random.Random(SEED)
    phashes = [rng.getrandbits(64) for _ in range(60)]
    records = {phash: [] for phash in phashes}
    for number in range(220):
        phash = rng.choice(phashes[: 20 + number // 4])
        source = rng.choice(["", "a", "b"])
        records[phash].append(filer.file(phash, source=source, name=f"https://example.org/{number}"))
    return Listing(scripts, keys=keys), {phash: row for phash, row in records.items() if len(row) > 1}


@pytest.mark.parametrize("limit", [1, 7, 500])
@pytest.mark.parametrize("order", ["size", "last", "first"])
def test_pages_give_every_cluster_once_in_order(filled, order, limit):
    listing, records = filled
    key = {
        "size": len,
        "last": lambda row: row[-1].number,
        "first": lambda row: row[0].number,
    }[order]

    found = _pages(listing, order, limit=limit)

    expected = sorted(records, key=lambda phash: (key(records[phash]), f"{phash:016x}"), reverse=True)
    assert [cluster.phash for cluster in found] == expected
    assert [(cluster.images, cluster.first.number, cluster.last.number) for cluster in found] == [
        (len(records[phash]), records[phash][0].number, records[phash][-1].number) for phash in expected
    ]


@pytest.mark.parametrize(
    "only",
    [
        Filter(min_images=4),
        Filter(last_from=100),
        Filter(last_to=150),
        Filter(last_from=100, last_to=150, min_images=3),
        Filter(source="a"),
        Filter(source="nobody"),
    ],
)
@pytest.mark.parametrize("order", ["size", "last", "first"])
def test_a_filter_gives_what_a_scan_gives(filled, order, only):
    listing, records = filled

    found = _pages(listing, order, only=only)

    expected = {
        phash
        for phash, row in records.items()
        if len(row) >= only.min_images
        and only.last_from <= row[-1].number <= only.last_to
        and (not only.source or any(record.image.source == only.source for record in row))
    }
    assert {cluster.phash for cluster in found} == expected
    assert len(found) == len(expected)


def test_what_grows_between_two_pages_hides_nothing_that_stood_still(filled, filer):
    listing, records = filled
    first, position = listing.page("size", only=Filter(), after=None, limit=10)
    grown = first[-1].phash
    for number in range(3):
        filer.file(grown, name=f"https://example.org/more/{number}")

    rest, _ = listing.page("size", only=Filter(), after=position, limit=500)

    assert {cluster.phash for cluster in first} | {cluster.phash for cluster in rest} == set(records)
    assert len(first) + len(rest) == len(records)


def _plain(records):
    """Give phash, size, number of the first and numbers of all, latest first, of each cluster, by size."""
    rows = [
        (phash, len(row), row[0].number, [record.number for record in reversed(row)])
        for phash, row in records.items()
    ]
    return sorted(rows, key=lambda row: (row[1], row[0]), reverse=True)


@pytest.mark.parametrize("latest", [1, 3, 20])
@pytest.mark.parametrize("limit", [None, 1, 43])
def test_the_largest_clusters_are_those_of_a_plain_loop(filled, limit, latest):
    listing, records = filled

    told = [
        (
            cluster.phash,
            cluster.images,
            cluster.first.number,
            [record.number for record in cluster.latest],
        )
        for cluster in listing.largest(min_images=2, limit=limit, latest=latest)
    ]

    assert told == [(*row[:3], row[3][:latest]) for row in _plain(records)[:limit]]
    assert len(told) > 20 or limit == 1


def test_what_grows_while_the_largest_are_read_neither_repeats_nor_hides_one(filled, filer, monkeypatch):
    monkeypatch.setattr("worker.reading.listing._PAGE_CLUSTERS", 20)
    listing, records = filled
    told = listing.largest(min_images=2, limit=None, latest=1)

    first = [next(told).phash for _ in range(20)]
    for at, phash in enumerate(first[-3:]):
        filer.file(phash, name=f"https://example.org/more/{at}")
    rest = [cluster.phash for cluster in told]

    assert sorted(first + rest) == sorted(records)


@pytest.mark.parametrize("latest", [1, 20])
def test_a_cluster_gives_all_its_images_as_it_was_when_it_was_read(filled, filer, monkeypatch, latest):
    monkeypatch.setattr("worker.reading.listing._PAGE_IMAGES", 3)
    listing, records = filled
    phash, size, _, numbers = _plain(records)[0]

    [cluster] = listing.describe([phash], latest=latest)
    filer.file(phash, name="https://example.org/later")

    assert [record.number for record in listing.all_images(cluster)] == numbers
    assert (cluster.images, cluster.last.number) == (size, numbers[0])


def test_a_hash_that_no_image_has_gives_no_cluster(filled):
    listing, records = filled
    known = next(iter(records))

    assert [cluster and cluster.phash for cluster in listing.describe([5, known])] == [None, known]
