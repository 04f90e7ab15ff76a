"""Processes that die: at every line between reading an entry and its end, and under images that are poison."""

import time

import pytest
from PIL import Image

from producer import Producer
from tests.observing import alerts, children, failures, kill, reported, trials
from tests.soft_images import draw, encode
from tests.waiting import wait_until
from worker.reading.statistics import read_status

STEPS = (
    "after:Ownership.take",
    "after:Clusters.known",
    "after:Downloads.submit",
    "before:Decoder.hash",
    "before:RememberedHashes.hash_image",
    "after:RememberedHashes.hash_image",
    "after:Decoder.hash",
    "before:Clusters.record",
    "after:Clusters.record",
    "after:Clusters.look_back",
    "before:Publisher.publish",
    "after:Publisher.publish",
)


@pytest.fixture
def send(service):
    with Producer(service.server.url_as("producer"), service.keys.archive) as producer:
        yield producer.send_many


def test_an_entry_whose_process_dies_at_any_step_yields_its_alert_once(
    service, images, hooks, send, tmp_path
):
    pairs = 15
    for at in range(pairs):
        images.add(f"a{at}.png", encode(draw(at)))
        images.add(f"b{at}.png", encode(draw(at).point(lambda v: v * 9 // 10)))
    service.start_worker(LOOKALIKE_LEASE="3", LOOKALIKE_TEST_KILL_AT=",".join(STEPS), **hooks)

    send(images.url(f"a{at}.png") for at in range(pairs))
    for at in range(pairs):
        send([images.url(f"b{at}.png")])
    counts = service.wait_done(images=2 * pairs, timeout_s=60)

    assert {mark.name for mark in (tmp_path / "marks").iterdir()} == set(STEPS)
    assert (counts["images"], counts["failures"]) == (2 * pairs, 0)
    assert sorted(map(sorted, reported(alerts(service.client, service.keys)))) == sorted(
        map(sorted, images.pairs())
    )


@pytest.mark.parametrize("way", ["KILL", "SEGV", "HANG"])
def test_an_image_that_ends_whoever_decodes_it_fails_after_two_deaths_and_the_others_are_recorded(
    service, images, hooks, send, way
):
    for at in range(40):
        images.add(f"{at}.png", encode(draw(at)))
    images.add("poison.png", encode(draw(99), b"POISON:" + way.encode()))
    worker = service.start_worker(LOOKALIKE_TEST_POISON="1", LOOKALIKE_DECODE_TIMEOUT="1", **hooks)
    wait_until(lambda: len(children(worker)) == 2, what="children")
    before = children(worker)
    assert len(before) == 2

    names = sorted(images.hashes)
    send(images.url(name) for name in names)
    counts = service.wait_done(images=41)

    assert failures(service.client, service.keys) == {"poison.png": "worker_died"}
    assert counts["images"] == 40
    wait_until(lambda: len(children(worker)) == 2, timeout_s=2, what="a child in the place of the dead one")
    assert len(set(before) & set(children(worker))) == 1


def test_a_child_that_has_done_its_share_ends_its_trial_first(service, images, hooks, send):
    names = [images.add(f"{at}.png", encode(draw(at))) for at in range(60)]
    images.add("hangs.png", encode(draw(999), b"POISON:HANG"))
    worker = service.start_worker(
        concurrency=1,
        LOOKALIKE_TEST_POISON="1",
        LOOKALIKE_DECODE_TIMEOUT="4",
        LOOKALIKE_IMAGES_PER_CHILD="10",
        **hooks,
    )
    send([images.url("hangs.png")])
    wait_until(lambda: trials(worker), timeout_s=20, what="a process that tries it")

    send(names)
    tried = set()
    wait_until(
        lambda: tried.update(trials(worker)) or failures(service.client, service.keys),
        timeout_s=20,
        what="its end",
    )

    assert failures(service.client, service.keys) == {"hangs.png": "worker_died"}
    assert len(tried) == 1
    assert service.wait_done(images=61)["images"] == 60


def test_an_image_that_is_only_slow_has_all_its_time_in_a_process_of_its_own(service, images, hooks, send):
    images.add("slow.png", encode(draw(99), b"POISON:SLOW"))
    worker = service.start_worker(
        concurrency=1, LOOKALIKE_TEST_POISON="1", LOOKALIKE_DECODE_TIMEOUT="4", **hooks
    )
    wait_until(lambda: children(worker), what="a child")
    before = children(worker)

    send([images.url("slow.png")])
    counts = service.wait_done(images=1)

    assert (counts["images"], counts["failures"]) == (1, 0)
    wait_until(lambda: children(worker), what="a child in the place of the one that took too long")
    assert children(worker) != before


def test_images_that_come_while_another_one_hangs_keep_half_of_their_rate(
    service, images, hooks, send, tmp_path
):
    names = [images.add(f"{at}.png", encode(draw(at))) for at in range(450)]
    images.add("hangs.png", encode(draw(999), b"POISON:HANG"))
    worker = service.start_worker(LOOKALIKE_TEST_POISON="1", LOOKALIKE_DECODE_TIMEOUT="60", **hooks)
    wait_until(lambda: len(children(worker)) == 2, what="children")
    send(names[:150])
    service.wait_done(images=150)
    undisturbed = _seconds_until(service, 300, lambda: send(names[150:300]))

    send([images.url("hangs.png")])
    wait_until((tmp_path / "marks" / "HANG").exists, what="a child that hangs")
    beside = _seconds_until(service, 450, lambda: send(names[300:]))

    # A second for the wake-up of the other child, of which a longer run would notice nothing.
    assert beside < 2 * undisturbed + 1
    assert failures(service.client, service.keys) == {}


def test_a_suspect_that_hangs_in_its_own_process_holds_up_no_other_image(service, images, hooks, send):
    names = [images.add(f"{at}.png", encode(draw(at))) for at in range(60)]
    images.add("hangs.png", encode(draw(999), b"POISON:HANG"))
    worker = service.start_worker(
        concurrency=1, LOOKALIKE_TEST_POISON="1", LOOKALIKE_DECODE_TIMEOUT="5", **hooks
    )
    send([images.url("hangs.png")])
    wait_until(lambda: trials(worker), timeout_s=20, what="a process that tries it")

    send(names)
    wait_until(lambda: int(service.client.hget(service.keys.counters, "images") or 0) == 60, what="60 images")
    is_tried = bool(trials(worker))
    service.wait_done(images=61)

    assert is_tried
    assert failures(service.client, service.keys) == {"hangs.png": "worker_died"}


def _seconds_until(service, count, begin) -> float:
    """Give the seconds from `begin` until so many images are recorded."""
    began = time.monotonic()
    begin()
    wait_until(
        lambda: int(service.client.hget(service.keys.counters, "images")) == count,
        timeout_s=30,
        what=f"{count} images",
    )
    return time.monotonic() - began


def test_a_real_memory_limit_fails_an_image_and_kills_nobody(service, images, send):
    images.add("good.png", encode(draw(1)))
    images.add("large.png", encode(Image.new("RGB", (9_000, 9_000))))
    worker = service.start_worker(LOOKALIKE_CHILD_MEMORY=str(2**28 + 2**27), LOOKALIKE_MAX_PIXELS=str(10**9))
    wait_until(lambda: len(children(worker)) == 2, what="children")
    before = children(worker)

    send([images.url("good.png"), images.url("large.png")])
    service.wait_done(images=2)

    assert failures(service.client, service.keys) == {"large.png": "too_large"}
    assert children(worker) == before


def test_a_healthy_image_whose_process_is_killed_again_and_again_is_recorded(service, images, hooks, send):
    images.add("one.png", encode(draw(1)))
    worker = service.start_worker(
        concurrency=1,
        LOOKALIKE_TEST_KILL_AT="before:RememberedHashes.hash_image,after:Trials.submit",
        **hooks,
    )

    send([images.url("one.png")])

    assert service.wait_done(images=1)["images"] == 1
    assert worker.poll() is None


def test_a_worker_survives_children_that_are_killed_while_it_starts(service, images, hooks, send, tmp_path):
    points = {"before:limits.limit_memory", "after:limits.limit_memory"}
    worker = service.start_worker(LOOKALIKE_TEST_KILL_AT=",".join(points), **hooks)

    send([images.add("one.png", encode(draw(1)))])

    assert service.wait_done(images=1)["images"] == 1
    assert worker.poll() is None
    assert {mark.name for mark in (tmp_path / "marks").iterdir()} == points


def test_work_goes_on_within_two_seconds_after_the_death_of_a_child(service, images, send):
    names = [images.add(f"{at}.png", encode(draw(at))) for at in range(300)]
    worker = service.start_worker()
    wait_until(lambda: len(children(worker)) == 2, what="children")
    send(names[:150])
    wait_until(lambda: read_status(service.client, service.keys)["in_flight"], what="work")

    for pid in children(worker):
        kill(pid)
    died_at = time.monotonic()
    recorded = int(service.client.hget(service.keys.counters, "images") or 0)
    wait_until(
        lambda: int(service.client.hget(service.keys.counters, "images") or 0) > recorded,
        what="another image",
    )

    assert time.monotonic() - died_at < 2
    send(names[150:])
    assert service.wait_done(images=300)["failures"] == 0
