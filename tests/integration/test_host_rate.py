import time
from ipaddress import ip_network

import pytest

from tests.scripted_host import ScriptedHost, answer
from tests.waiting import wait_until
from worker.downloads import Downloads
from worker.fetch import Fetcher, FetchLimits
from worker.fetching.host_rate import HostRate
from worker.keyspace import Keyspace

LIMITS = FetchLimits(5, 5, 10, 2**20, 3, (), (ip_network("127.0.0.0/8"),), "lookalike-test/1")
KEYS = Keyspace("test")


def test_a_host_gets_its_tokens_and_then_waits(server):
    rate = HostRate(server.url_as("worker"), KEYS, per_s=2)

    waits = [rate.wait_s("images.example") for _ in range(4)]

    assert waits[:2] == [0, 0]
    assert all(0 < wait_s <= 0.5 for wait_s in waits[2:])
    assert rate.wait_s("other.example") == 0


def test_workers_share_the_tokens_of_a_host(server):
    waits = [HostRate(server.url_as("worker"), KEYS, per_s=1).wait_s("images.example") for _ in range(2)]

    assert waits[0] == 0
    assert 0 < waits[1] <= 1


def test_a_rate_below_one_a_second_is_kept(server):
    rate = HostRate(server.url_as("worker"), KEYS, per_s=0.1)

    waits = [rate.wait_s("images.example") for _ in range(2)]

    assert waits[0] == 0
    assert waits[1] == pytest.approx(10, abs=0.5)


def test_the_keys_are_the_archives_and_expire(server, client):
    HostRate(server.url_as("worker"), KEYS, per_s=5).wait_s("images.example")

    (key,) = client.keys()

    assert key.decode() == "{test}:rate:v1:gcra:images.example"
    assert client.ttl(key) > 0


def test_a_server_that_is_away_holds_nothing_up():
    assert HostRate("redis://127.0.0.1:1/0", KEYS, per_s=1).wait_s("images.example") == 0


def test_downloads_keep_the_rate_and_others_pass(server):
    rate = HostRate(server.url_as("worker"), KEYS, per_s=10)
    limited = ScriptedHost(answer(b"a"))
    other = ScriptedHost(answer(b"b"), address="127.0.0.2")
    running = Downloads(Fetcher(LIMITS), window=64, window_bytes=2**24, host_concurrency=32, host_rate=rate)
    with limited, other:
        begun = time.monotonic()
        for number in range(20):
            running.submit(number, f"{limited.url}/{number}", urgent=False)
        for number in range(5):
            running.submit(100 + number, f"{other.url}/{number}", urgent=False)
        arrived_at = {}
        wait_until(
            lambda: (
                arrived_at.update(
                    (one.key, time.monotonic() - begun) for one in running.arrived(limit=64, timeout_s=0.1)
                )
                or len(arrived_at) == 25
            )
        )
        running.close()

    assert max(arrived_at[key] for key in range(100, 105)) < 0.5
    assert 0.9 <= max(arrived_at.values()) < 3


def test_a_long_queue_comes_again_later_for_nothing(server):
    rate = HostRate(server.url_as("worker"), KEYS, per_s=1)
    running = Downloads(Fetcher(LIMITS), window=64, window_bytes=2**24, host_concurrency=32, host_rate=rate)
    with ScriptedHost(answer(b"a")) as host:
        for number in range(60):
            running.submit(number, f"{host.url}/{number}", urgent=False)
        arrivals = []
        wait_until(lambda: arrivals.extend(running.arrived(limit=64, timeout_s=0.1)) or len(arrivals) >= 40)
        parked = running.parked
        running.close()

    later = [one.error for one in arrivals if one.error is not None]
    assert parked <= 11
    assert {error.costs_attempt for error in later} == {False}
    assert all(10 < error.retry_after_s <= 600 for error in later)
