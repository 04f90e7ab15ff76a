"""Clusters of a stretch of time, compared with a plain loop over what was filed."""

import random
from collections import defaultdict

import numpy as np
import pytest

from producer import Producer
from producer.names import LANES
from tests.conftest import ARCHIVE
from worker.clusters import Clusters
from worker.entries import image_facts, read_message
from worker.ownership import Ownership
from worker.reading.periods import Period, Periods

FEW = [0x81D07FFFE0611A85, 0x87D03E7EE0259E85, 0x00000000FFFFFFFF, 0]


@pytest.fixture
def file_images(server, client, keys, scripts):
    """Files images with given hashes, in order, and gives their records."""
    ownership = Ownership(scripts, keys=keys, consumer="c", lease_s=30)
    clusters = Clusters(scripts, keys=keys, consumer="c")

    def file(phashes):
        with Producer(server.url_as("producer"), ARCHIVE) as producer:
            # No worker shall be woken.
            client.set(keys.wake, "1")
            producer.send_many([f"https://example.org/{at}.jpg" for at in range(len(phashes))])
        entries = ownership.take(LANES, limit=len(phashes), abandoned=False)
        return clusters.record(
            [
                (entry, image_facts(read_message(entry), phash=phash))
                for entry, phash in zip(entries, phashes, strict=True)
            ]
        )

    return file


@pytest.fixture
def periods(client, keys, scripts):
    return Periods(client, scripts, keys=keys)


def _random_phashes(count):
    # A few hashes for most images, so that clusters are large; the others are alone.
    chooser = random.Random(7)
    return [chooser.choice(FEW) if chooser.random() < 0.8 else chooser.getrandbits(64) for _ in range(count)]


def _plain(records, *, min_size):
    """Give phash, size, number of the first and numbers of all, latest first, of each cluster, by size."""
    numbers = defaultdict(list)
    for record in records:
        numbers[record.image.phash].append(record.number)
    rows = [
        (phash, len(own), own[0], tuple(own[::-1])) for phash, own in numbers.items() if len(own) >= min_size
    ]
    return sorted(rows, key=lambda row: (row[1], row[0]), reverse=True)


def _told(clusters):
    return [
        (
            cluster.phash,
            cluster.images,
            cluster.first.number,
            tuple(record.number for record in cluster.latest),
        )
        for cluster in clusters
    ]


def _cut(rows, urls):
    return [(phash, size, first, latest[:urls]) for phash, size, first, latest in rows]


@pytest.mark.parametrize(("first", "end"), [(0, 700), (0, 1), (127, 129), (128, 256), (130, 640), (300, 300)])
@pytest.mark.parametrize("min_size", [1, 2, 30])
def test_a_period_lists_what_an_archive_of_its_images_alone_would_list(
    file_images, periods, first, end, min_size
):
    records = file_images(_random_phashes(700))

    told = _told(periods.largest(Period(first, end), min_images=min_size, limit=None, latest=20))

    assert told == _cut(_plain(records[first:end], min_size=min_size), 20)


@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_the_most_frequent_hashes_of_a_period_are_those_of_a_plain_loop(
    file_images, periods, monkeypatch, at_once, limit
):
    monkeypatch.setattr("worker.reading.periods._COUNTED_AT_ONCE", at_once)
    records = file_images(_random_phashes(700))

    told = periods.most_frequent(Period(130, 640), limit=limit)

    plain = _plain(records[130:640], min_size=1)
    assert told == [(phash, size) for phash, size, _, _ in plain][:limit]


def test_dates_become_the_numbers_between_which_the_images_were_seen(file_images, periods):
    records = file_images(range(100))
    times = np.array([record.seen_at_ms for record in records])

    for moment in {int(times[0]) - 1, *times.tolist(), int(times[-1]) + 1}:
        assert periods.between(moment, None) == (int((times < moment).sum()), len(times))
        assert periods.between(None, moment) == (0, int((times < moment).sum()))
        assert periods.number_at(moment) == int((times < moment).sum())
    assert periods.between(int(times[-1]), int(times[0])).first >= 0
    assert (periods.number_at(-1), periods.number_at(2**60)) == (0, 100)


def test_a_period_of_an_empty_archive_is_empty(periods):
    assert periods.between(None, 5) == (0, 0)
    assert list(periods.largest(Period(0, 0), min_images=1, limit=None, latest=20)) == []
    assert periods.most_frequent(Period(0, 0), limit=5) == []
