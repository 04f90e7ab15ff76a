"""Hosts that are down or ask for patience: their images wait in nobody's way, and none is given up early."""

import json
import socket
import time
from email.utils import formatdate, parsedate_to_datetime
from threading import Event

import pytest

from tests.observing import failures
from tests.scripted_host import ScriptedHost, answer
from tests.soft_images import draw, encode
from tests.waiting import wait_until

FAST = {"LOOKALIKE_RETRY_BASE": "0.2", "LOOKALIKE_RETRY_CAP": "0.5"}


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_images_of_a_host_that_is_down_wait_for_it_and_delay_nobody(service, images, producer):
    is_up = Event()

    def script(connection, _):
        if is_up.is_set():
            connection.sendall(answer(encode(draw(99))))
        else:
            connection.close()

    with ScriptedHost(script) as host:
        service.start_worker(LOOKALIKE_RETRY_BASE="1", LOOKALIKE_RETRY_CAP="1")
        producer.send_many(f"{host.url}/{at}.png" for at in range(3))
        wait_until(lambda: len(host.requests) >= 3, what="the first attempts")
        producer.send_many(images.add(f"{at}.png", encode(draw(at))) for at in range(20))
        wait_until(lambda: service.client.hget(service.keys.counters, "images") == b"20", what="the others")
        is_up.set()
        counts = service.wait_done(images=23)

    assert (counts["images"], counts["failures"]) == (23, 0)


@pytest.mark.parametrize("is_date", [False, True])
def test_a_host_that_asks_for_patience_is_asked_again_when_it_wants(service, producer, is_date):
    def script(connection, _):
        asked_at.append(time.time())
        if len(asked_at) == 1:
            wishes.append(formatdate(asked_at[0] + 3, usegmt=True) if is_date else "2")
            connection.sendall(answer(status=503, headers=(f"Retry-After: {wishes[0]}",)))
        else:
            connection.sendall(answer(encode(draw(1))))

    asked_at: list[float] = []
    wishes: list[str] = []
    with ScriptedHost(script) as host:
        service.start_worker(**FAST)
        producer.send(f"{host.url}/a.png")
        counts = service.wait_done(images=1)

    assert counts["images"] == 1
    first, second = asked_at
    earliest = parsedate_to_datetime(wishes[0]).timestamp() if is_date else first + 2
    assert second >= earliest - 0.01


def test_an_image_is_given_up_when_its_time_is_over(service, producer, free_port):
    service.start_worker(LOOKALIKE_RETRY_FOR="1", **FAST)
    started = time.monotonic()

    producer.send(f"http://127.0.0.1:{free_port}/a.png")
    service.wait_done(images=1)

    assert failures(service.client, service.keys) == {"a.png": "unreachable"}
    assert time.monotonic() - started > 1
    ((_, failure),) = service.client.xrange(service.keys.failures)
    assert int(failure[b"attempts"]) >= 2


def test_attempts_and_the_first_of_them_survive_a_restart_of_the_workers(service, producer, free_port):
    first = service.start_worker(**FAST)
    producer.send(f"http://127.0.0.1:{free_port}/a.png")

    def delayed():
        return [member.decode() for member in service.client.zrange(service.keys.delayed, 0, -1)]

    wait_until(lambda: any('"attempts","2"' in member for member in delayed()), what="a second attempt")
    first.terminate()
    first.wait()
    wait_until(lambda: delayed() or service.client.xlen(service.keys.stream("retry")), what="the image")
    before = _first_seen_at(service)
    service.start_worker(**FAST)
    wait_until(
        lambda: any('"attempts","5"' in member or '"attempts","6"' in member for member in delayed()),
        what="a fifth attempt",
    )

    assert _first_seen_at(service) == before


def _first_seen_at(service) -> str:
    """Give what the image has, wherever it is now."""
    for member in service.client.zrange(service.keys.delayed, 0, -1):
        fields = json.loads(member)[1:]
        return dict(zip(fields[::2], fields[1::2], strict=True))["first_seen_at"]
    ((_, fields),) = service.client.xrange(service.keys.stream("retry"))
    return fields[b"first_seen_at"].decode()
