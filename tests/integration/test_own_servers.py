"""Which servers no image may name: those of the settings, and those that a real sentinel tells of."""

import os
import select
import socket
import subprocess
from contextlib import ExitStack

import pytest
import redis

from tests.waiting import wait_until
from tests.watched_servers import free_ports
from worker.embedded import find_binary
from worker.fetching.addresses import Endpoint
from worker.fetching.own_servers import OwnServers, ask_sentinels

HERE = "127.0.0.1"


class Sentinel:
    """One sentinel that watches over servers which are not there."""

    def __init__(self, folder, port: int, *, primary: int, replica: int) -> None:
        self.url = f"redis+sentinel://{HERE}:{port}/lookalike"
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind {HERE}\ndir {folder}\nsentinel monitor lookalike {HERE} {primary} 1\n"
            f"sentinel known-replica lookalike {HERE} {replica}\n"
        )
        self.process = subprocess.Popen(
            [find_binary(os.environ), config, "--sentinel"], stdout=subprocess.DEVNULL
        )
        self.client = redis.Redis(port=port)


@pytest.fixture
def ports():
    return free_ports(4)


@pytest.fixture
def sentinel(tmp_path, ports):
    with ExitStack() as stack:
        started = Sentinel(tmp_path, ports[0], primary=ports[1], replica=ports[2])
        stack.callback(started.process.wait)
        stack.callback(started.process.kill)
        stack.enter_context(started.client)
        wait_until(lambda: ask_sentinels(started.url), what="a sentinel")
        yield started


def ends(*ports):
    return {Endpoint(HERE, port) for port in ports}


def test_servers_are_known_by_the_addresses_of_their_urls():
    own = OwnServers(["redis://:pw@archive:6380/0", "redis://broker/2", "unix:///run/socket?db=0"])

    assert own.endpoints() == {Endpoint("archive", 6380), Endpoint("broker", 6379)}


def test_primary_and_replicas_are_known_from_the_start(sentinel, ports):
    own = OwnServers([sentinel.url, f"{sentinel.url}/1"])

    assert own.endpoints() == ends(*ports[:3])


def test_another_primary_is_known_soon_and_stays_when_no_sentinel_answers(sentinel, ports):
    own = OwnServers([sentinel.url], every_s=0.05)
    sentinel.client.sentinel_remove("lookalike")
    sentinel.client.sentinel_monitor("lookalike", HERE, ports[3], 1)

    wait_until(lambda: own.endpoints() == ends(ports[0], ports[3]), what="another primary")
    sentinel.process.kill()
    sentinel.process.wait()
    with socket.create_server((HERE, ports[0])) as deaf:
        for _ in range(2):
            # The second question comes when the first has ended without an answer.
            wait_until(lambda: own.endpoints() and select.select([deaf], [], [], 0)[0], what="a question")
            deaf.accept()[0].close()

    assert own.endpoints() == ends(ports[0], ports[3])


def test_a_start_without_sentinels_waits_a_second_at_most_and_asks_again(tmp_path, ports):
    own = OwnServers([f"redis+sentinel://{HERE}:{ports[0]}/lookalike"])
    assert own.endpoints() == ends(ports[0])

    with ExitStack() as stack:
        late = Sentinel(tmp_path, ports[0], primary=ports[1], replica=ports[2])
        stack.callback(late.process.wait)
        stack.callback(late.process.kill)
        stack.enter_context(late.client)

        wait_until(lambda: own.endpoints() == ends(*ports[:3]), what="what a late sentinel tells")


def test_a_sentinel_that_allows_no_more_than_finding_the_primary_tells_that(sentinel, ports):
    sentinel.client.execute_command(
        "ACL", "SETUSER", "default", "-@all", "+sentinel|masters", "+hello", "+client"
    )

    assert ask_sentinels(sentinel.url) == ends(ports[1])
