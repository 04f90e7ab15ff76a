"""Each pair of look-alikes is named once, by the later image, whatever happens at the same moment."""

import random
from threading import Barrier, Thread

import numpy as np
import pytest

from producer.server import connect
from tests.observing import alerts
from tests.script_consumer import Consumer
from worker.replica import Replica
from worker.scripts import Scripts

ROUNDS = 1000
H1, H2 = 0x81D07FFFE0611A85, 0x87D03E7EE0259E85
"""Ten bits apart: the published example."""


def _flip(phash: int, bits: int) -> int:
    """Move `bits` / 2 set bits, so that as many bits stay set."""
    ones = [1 << at for at in range(64) if phash >> at & 1][: bits // 2]
    zeros = [1 << at for at in range(64) if not phash >> at & 1][: bits // 2]
    return phash ^ sum(ones) ^ sum(zeros)


@pytest.fixture
def name_pairs(service, producer):
    """Sends images with these hashes one after the other; gives the pairs that alerts name, as (later, earlier)."""

    def run(*hashes: int) -> list[tuple[int, int]]:
        service.start_worker(concurrency=1, LOOKALIKE_TRUST_PHASH="1")
        for at, phash in enumerate(hashes):
            producer.send(f"http://127.0.0.1:1/{at}", phash=f"{phash:016x}")
        service.wait_done(images=len(hashes))
        return sorted(
            (int(event["data"]["image"]["url"][-1]), int(other["url"][-1]))
            for event in alerts(service.client, service.keys)
            for other in event["data"]["copies"] + [match["sample"] for match in event["data"]["matches"]]
        )

    return run


def test_of_two_clusters_in_turn_each_pair_is_named_once(name_pairs):
    assert name_pairs(H1, H2, H1) == [(1, 0), (2, 0), (2, 1)]


@pytest.mark.parametrize(("bits", "pairs"), [(0, [(1, 0)]), (10, [(1, 0)]), (12, [])])
def test_the_distance_is_inclusive(name_pairs, bits, pairs):
    assert name_pairs(H1, _flip(H1, bits)) == pairs


def test_the_published_example_is_found():
    assert ((H1 ^ H2).bit_count(), H1.bit_count(), H2.bit_count()) == (10, 32, 32)


def test_of_two_that_are_recorded_at_the_same_moment_exactly_one_finds_the_other(
    server, keys, scripts, producer, tmp_path
):
    rng = random.Random(7)
    first = [_random_hash(rng) for _ in range(ROUNDS)]
    second = [_flip(phash, 10) for phash in first]
    producer.send_many(
        {"url": f"http://127.0.0.1:1/{which}/{at}", "phash": f"{phash:016x}"}
        for at, pair in enumerate(zip(first, second, strict=True))
        for which, phash in enumerate(pair)
    )
    entries = Consumer(scripts, keys, "c").take(limit=2 * ROUNDS)
    barrier = Barrier(2)
    found: list[dict[int, set[int]]] = [{}, {}]

    def record_and_search(which):
        with connect(server.url) as own, connect(server.url) as log:
            consumer = Consumer(Scripts(own, keys=keys, uuid=scripts.uuid), keys, "c")
            replica = Replica(log, keys, cache_dir=tmp_path)
            for at in range(ROUNDS):
                barrier.wait(timeout=60)
                record = consumer.record(entries[2 * at + which])
                query = np.array([record.image.phash], dtype=np.uint64)
                before = np.array([record.horizon], dtype=np.int64)
                ((hashes, _),) = replica.search(query, max_distance=10, before=before)
                found[which][at] = set(hashes.tolist())
            replica.close()

    threads = [Thread(target=record_and_search, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for at in range(ROUNDS):
        assert (second[at] in found[0][at]) + (first[at] in found[1][at]) == 1


def _random_hash(rng: random.Random) -> int:
    return sum(1 << at for at in rng.sample(range(64), 32))
