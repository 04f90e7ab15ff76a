"""Stopping: in good time, with everything given back; at once, when it is asked for twice; and recycling on the way."""

import signal
import time
from contextlib import suppress
from threading import Event

import pytest
from redis.exceptions import ResponseError

from producer import Producer
from producer.names import LANES
from tests.observing import children, failures
from tests.scripted_host import ScriptedHost, answer
from tests.soft_images import draw, encode
from tests.waiting import wait_until


@pytest.fixture
def slow_host():
    """A host that answers when it is told to."""
    may_answer = Event()

    def script(connection, _):
        may_answer.wait(60)
        connection.sendall(answer(encode(draw(1))))

    with ScriptedHost(script) as host:
        host.may_answer = may_answer
        yield host
        may_answer.set()


def _deliveries(service) -> list[int]:
    found = []
    for lane in LANES:
        with suppress(ResponseError):  # no group yet
            found += service.client.xpending_range(service.keys.stream(lane), "workers", "-", "+", 1000)
    return [row["times_delivered"] for row in found]


def test_a_stop_gives_back_within_three_seconds_what_is_in_flight(service, producer, slow_host):
    first = service.start_worker()
    producer.send_many(f"{slow_host.url}/{at}.png" for at in range(50))
    wait_until(lambda: slow_host.connections >= 10, what="downloads in flight")

    started = time.monotonic()
    first.terminate()
    first.wait(10)
    took = time.monotonic() - started

    assert took < 3
    assert set(_deliveries(service)) <= {0}
    service.start_worker()
    slow_host.may_answer.set()
    counts = service.wait_done(images=50, timeout_s=20)
    assert (counts["images"], counts["failures"]) == (50, 0)


def test_a_second_signal_ends_a_worker_at_once_and_accuses_no_image(service, images, hooks, producer):
    images.add("hangs.png", encode(draw(1), b"POISON:HANG"))
    worker = service.start_worker(LOOKALIKE_TEST_POISON="1", **hooks)
    producer.send(images.url("hangs.png"))
    wait_until(lambda: _deliveries(service) == [1], what="an image in flight")

    worker.terminate()
    wait_until(lambda: b"Warm shutdown" in service.log.read_bytes(), what="the first signal")
    worker.send_signal(signal.SIGTERM)
    signalled_at = time.monotonic()
    status = worker.wait(10)

    assert status in (143, -signal.SIGKILL)
    assert time.monotonic() - signalled_at < 1
    assert failures(service.client, service.keys) == {}
    assert not service.client.zcard(service.keys.delayed)


def test_a_stop_while_the_server_is_away_ends_in_time_and_loses_nothing(own_service, slow_host):
    worker = own_service.start_worker(LOOKALIKE_LEASE="3")
    with Producer(own_service.server.url_as("producer"), own_service.keys.archive) as producer:
        producer.send_many(f"{slow_host.url}/{at}.png" for at in range(30))
    wait_until(lambda: slow_host.connections >= 10, what="downloads in flight")
    own_service.server.kill()

    started = time.monotonic()
    worker.terminate()
    worker.wait(10)
    took = time.monotonic() - started
    own_service.server.start()
    slow_host.may_answer.set()
    own_service.start_worker(LOOKALIKE_LEASE="3")

    assert took < 3
    assert own_service.wait_done(images=30)["images"] == 30


def test_children_are_recycled_after_their_share_without_losing_an_image(service, images, producer):
    worker = service.start_worker(LOOKALIKE_IMAGES_PER_CHILD="20")
    wait_until(lambda: len(children(worker)) == 2, what="children")
    before = set(children(worker))

    producer.send_many(images.add(f"{at}.png", encode(draw(at))) for at in range(150))
    counts = service.wait_done(images=150, timeout_s=60)

    assert (counts["images"], counts["failures"]) == (150, 0)
    assert not before & set(children(worker))
    assert b"died" not in service.log.read_bytes()


def test_two_workers_restarted_in_turn_under_load_repeat_no_alert(service, images, producer):
    workers = [service.start_worker(), service.start_worker()]
    urls = []
    for at in range(60):
        urls += [images.add(f"a{at}.png", encode(draw(at))), images.add(f"b{at}.png", encode(draw(at)))]
    for at in range(0, 120, 20):
        producer.send_many(urls[at : at + 20])
        workers[0].terminate()
        workers[0].wait(10)
        workers = [workers[1], service.start_worker()]

    counts = service.wait_done(images=120, timeout_s=60)

    assert (counts["images"], counts["failures"], counts["alerts"]) == (120, 0, 60)
    assert service.client.xlen(service.keys.alerts) == 60
