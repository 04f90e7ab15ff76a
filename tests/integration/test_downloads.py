import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest

from tests.scripted_host import ScriptedHost, answer
from tests.waiting import wait_until
from worker.downloads import PARKED_LIMIT, Arrival, Downloads
from worker.errors import HttpStatusError, RefusedSchemeError, TimedOutError, TransientError, UnreachableError
from worker.fetch import Fetcher, FetchLimits
from worker.fetching import hosts

LIMITS = FetchLimits(
    connect_timeout_s=5.0,
    read_timeout_s=5.0,
    download_timeout_s=10.0,
    max_bytes=2**20,
    max_redirects=3,
    file_roots=(),
    allow_networks=(ip_network("127.0.0.0/8"),),
    user_agent="lookalike-test/1",
)


@contextmanager
def downloads(
    *, window: int = 64, window_bytes: int = 2**26, host_concurrency: int = 32, limits: FetchLimits = LIMITS
) -> Iterator[Downloads]:
    built = Downloads(
        Fetcher(limits), window=window, window_bytes=window_bytes, host_concurrency=host_concurrency
    )
    try:
        yield built
    finally:
        built.close()


def take(running: Downloads, count: int, *, limit: int = 1000, timeout_s: float = 20.0) -> list[Arrival]:
    """Take `count` arrivals."""
    taken: list[Arrival] = []
    wait_until(
        lambda: taken.extend(running.arrived(limit=limit, timeout_s=0.1)) or len(taken) >= count,
        timeout_s=timeout_s,
    )
    assert len(taken) == count
    return taken


class SilentHost(ScriptedHost):
    """A host that answers once `release` is set."""

    def __init__(self, response: bytes = answer(b"late"), *, address: str = "127.0.0.1") -> None:
        self.release = threading.Event()

        def script(connection, _request):
            while not self.release.wait(0.01):
                if self.stop.is_set():
                    return
            connection.sendall(response)

        super().__init__(script, address=address)


def test_every_download_arrives_once_with_its_own_body():
    def script(connection, request):
        connection.sendall(answer(request.split()[1]))

    with ScriptedHost(script) as host, downloads() as running:
        for number in range(300):
            running.submit(number, f"{host.url}/{number}", urgent=False)
        arrivals = take(running, 300)

        assert sorted((one.key, one.body, one.error) for one in arrivals) == [
            (number, b"/%d" % number, None) for number in range(300)
        ]
        assert (running.in_flight, running.parked, running.ready) == (0, 0, 0)
        assert host.connections <= 32


def test_a_failure_arrives_with_its_error():
    with ScriptedHost(answer(b"", status=404)) as host, downloads() as running:
        running.submit("gone", host.url, urgent=False)
        running.submit("scheme", "ftp://127.0.0.1/", urgent=False)
        running.submit("nothing", "", urgent=False)
        arrivals = {one.key: one for one in take(running, 3)}

    assert isinstance(arrivals["gone"].error, HttpStatusError)
    assert isinstance(arrivals["scheme"].error, RefusedSchemeError)
    assert isinstance(arrivals["nothing"].error, RefusedSchemeError)


def test_hosts_that_never_answer_delay_only_their_own_images():
    with (
        SilentHost() as silent,
        ScriptedHost(answer(b"fast"), address="127.0.0.2") as host,
        downloads() as running,
    ):
        for number in range(32):
            running.submit(("slow", number), f"{silent.url}/{number}", urgent=False)
        for number in range(200):
            running.submit(("fast", number), f"{host.url}/{number}", urgent=False)
        arrivals = take(running, 200, timeout_s=4.0)

        assert {one.body for one in arrivals} == {b"fast"}
        assert running.in_flight == 32


def test_a_silent_host_is_given_up_while_others_go_on():
    limits = replace(LIMITS, connect_timeout_s=0.2, read_timeout_s=0.3)
    with SilentHost() as silent, downloads(limits=limits) as running:
        running.submit("slow", silent.url, urgent=False)

        (arrival,) = take(running, 1, timeout_s=2.0)

    assert isinstance(arrival.error, TimedOutError)
    assert arrival.error.costs_attempt


def test_a_host_has_its_number_of_downloads_and_the_rest_is_parked():
    with SilentHost() as silent, downloads(window=16, host_concurrency=3) as running:
        for number in range(16):
            running.submit(number, f"{silent.url}/{number}", urgent=False)
        wait_until(lambda: len(silent.requests) == 3 and running.parked == 13)

        assert running.in_flight == 16
        assert running.room == 13
        assert silent.connections == 3

        silent.release.set()
        assert len(take(running, 16)) == 16
        assert running.room == 16
        assert silent.connections == 3


def test_an_urgent_download_is_the_first_of_those_that_are_parked():
    with SilentHost() as silent, downloads(host_concurrency=1) as running:
        for number in range(5):
            running.submit(number, f"{silent.url}/{number}", urgent=False)
        running.submit("live", f"{silent.url}/live", urgent=True)
        wait_until(lambda: running.parked == 5)
        silent.release.set()
        take(running, 6)

        assert silent.requests[1].startswith(b"GET /live ")


def test_no_more_is_submitted_when_a_thousand_are_parked():
    with SilentHost() as silent, downloads(host_concurrency=1, window=8) as running:
        for number in range(PARKED_LIMIT + 1):
            running.submit(number, f"{silent.url}/{number}", urgent=False)
        wait_until(lambda: running.parked == PARKED_LIMIT)

        assert running.room == 0


def test_urgent_arrivals_are_handed_out_first():
    with ScriptedHost(answer(b"x")) as host, downloads() as running:
        for number in range(6):
            running.submit(number, host.url, urgent=number >= 4)
        wait_until(lambda: running.ready == 6)

        first = running.arrived(limit=2, timeout_s=0)
        rest = running.arrived(limit=9, timeout_s=0)

    assert {one.key for one in first} == {4, 5}
    assert {one.key for one in rest} == {0, 1, 2, 3}


def test_bodies_wait_for_room_and_the_oldest_reads_on():
    size, window_bytes = 400_000, 1_000_000
    with ScriptedHost(answer(bytes(size))) as host, downloads(window_bytes=window_bytes) as running:
        for number in range(12):
            running.submit(number, f"{host.url}/{number}", urgent=False)
        wait_until(lambda: running.ready >= 1)
        held = []
        arrivals: list[Arrival] = []
        while len(arrivals) < 12:
            held.append(running.bytes_held)
            arrivals += running.arrived(limit=1, timeout_s=1.0)

        assert {len(one.body) for one in arrivals} == {size}
        assert max(held) <= window_bytes + size
        assert running.bytes_held == 0


def test_time_in_which_a_body_waits_for_room_is_not_counted():
    limits = replace(LIMITS, read_timeout_s=0.4, download_timeout_s=0.6)
    with (
        ScriptedHost(answer(bytes(600_000))) as host,
        downloads(limits=limits, window_bytes=2**20) as running,
    ):
        for number in range(4):
            running.submit(number, f"{host.url}/{number}", urgent=False)
        wait_until(lambda: running.ready >= 1)
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 1.2)  # longer than a download may take

        arrivals = take(running, 4, limit=1)

    assert [one.error for one in arrivals] == [None] * 4


def test_a_host_that_fails_ten_times_in_a_row_is_left_alone_for_nothing():
    with ScriptedHost(answer(b"", status=500)) as host, downloads(host_concurrency=1) as running:
        for number in range(30):
            running.submit(number, f"{host.url}/{number}", urgent=False)
        arrivals = take(running, 30)

    errors = [one.error for one in sorted(arrivals, key=lambda one: one.key)]
    assert all(isinstance(error, TransientError) for error in errors)
    assert [error.costs_attempt for error in errors] == [True] * 10 + [False] * 20
    assert len(host.requests) == 10
    assert isinstance(errors[-1], UnreachableError)
    assert 0 < errors[-1].retry_after_s <= hosts.ALONE_FIRST_S


def test_a_redirect_to_a_failing_host_does_not_count_against_the_first():
    with ScriptedHost(answer(b"", status=500), address="127.0.0.2") as second:
        to = answer(b"", status=302, headers=(f"Location: {second.url}",))
        with ScriptedHost(to) as first, downloads(host_concurrency=1) as running:
            for number in range(15):
                running.submit(number, f"{first.url}/{number}", urgent=False)
            arrivals = take(running, 15)

    assert {one.error.costs_attempt for one in arrivals} == {True}
    assert {one.error.host for one in arrivals} == {"127.0.0.2"}


def test_a_wake_up_ends_the_wait():
    with downloads() as running:
        timer = threading.Timer(0.05, running.wake)
        timer.start()
        begun = time.monotonic()

        assert running.arrived(limit=1, timeout_s=30) == []
        assert time.monotonic() - begun < 10

        timer.join()


def test_a_wake_up_from_a_signal_ends_the_wait():
    with downloads() as running:
        before = signal.signal(signal.SIGUSR1, lambda *_: running.wake())
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()

        assert running.arrived(limit=1, timeout_s=30) == []

        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_what_is_abandoned_is_told_and_never_arrives():
    with (
        SilentHost() as silent,
        ScriptedHost(answer(b"x"), address="127.0.0.2") as host,
        downloads(host_concurrency=2) as running,
    ):
        for number in range(5):
            running.submit(number, silent.url, urgent=False)
        wait_until(lambda: running.parked == 3)
        running.submit("arrived", host.url, urgent=False)
        wait_until(lambda: running.ready == 1)

        keys = running.abandon()
        silent.release.set()
        running.submit("next", host.url, urgent=False)
        arrivals = take(running, 1)

        assert set(keys) == {0, 1, 2, 3, 4, "arrived"}
        assert [one.key for one in arrivals] == ["next"]
        assert (running.in_flight, running.parked, running.bytes_held) == (0, 0, 0)


def test_the_end_does_not_wait_for_a_silent_host():
    with SilentHost() as silent:
        running = Downloads(Fetcher(LIMITS), window=8, window_bytes=2**20, host_concurrency=8)
        running.submit("slow", silent.url, urgent=False)
        wait_until(lambda: len(silent.requests) == 1)
        begun = time.monotonic()

        running.close()

        assert time.monotonic() - begun < 1
        assert "downloads" not in {thread.name for thread in threading.enumerate()}


def test_a_mistake_of_ours_ends_each_download_and_not_the_thread(monkeypatch):
    with ScriptedHost(answer(b"x")) as host, downloads() as running:
        with monkeypatch.context() as broken:
            broken.setattr("worker.fetching.transfers.Transfers._connect", lambda *_: 1 / 0)
            running.submit("a", host.url + "?token=SECRET", urgent=False)
            (first,) = take(running, 1)
        running.submit("b", host.url, urgent=False)
        (second,) = take(running, 1)

    assert isinstance(first.error, UnreachableError)
    assert "ZeroDivisionError" in first.error.detail
    assert "SECRET" not in first.error.detail
    assert second.body == b"x"


@pytest.mark.parametrize("urgent", [True, False])
def test_files_and_hosts_are_downloaded_side_by_side(tmp_path, urgent):
    (tmp_path / "a.jpg").write_bytes(b"file")
    limits = replace(LIMITS, file_roots=(tmp_path,))
    with ScriptedHost(answer(b"host")) as host, downloads(limits=limits, host_concurrency=2) as running:
        for number in range(20):
            running.submit(number, f"file://{tmp_path}/a.jpg" if number % 2 else host.url, urgent=urgent)
        arrivals = take(running, 20)

    assert {one.key: one.body for one in arrivals} == {
        number: b"file" if number % 2 else b"host" for number in range(20)
    }
