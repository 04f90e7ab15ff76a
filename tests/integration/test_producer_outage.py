"""A server that is away, full, or closed to this user: nothing is claimed that was not answered."""

import asyncio
import re
import threading
import time
from contextlib import ExitStack

import pytest
from role_server import credentials
from tcp_proxy import TcpProxy

from producer import (
    ArchiveFullError,
    AsyncProducer,
    NotAcceptedError,
    Producer,
    ServerRefusedError,
    ServerUnavailableError,
    derived_id,
)
from producer.server import connect
from tests.waiting import wait_until

URLS = [f"https://example.org/{number}" for number in range(2500)]


@pytest.fixture
def limits(client):
    """Set the server's memory limit in terms of what it uses; undone at the end."""

    def limit(share):
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", int(used / share))

    yield limit
    client.config_set("maxmemory", 0)


@pytest.fixture
def user(client, server):
    """Make a user with some rights and give the server's URL for it."""
    with ExitStack() as stack:

        def make(*rights):
            client.acl_setuser("feeder", enabled=True, passwords=["+pw"], reset=True)
            client.execute_command("ACL", "SETUSER", "feeder", *rights)
            stack.callback(client.acl_log_reset)
            stack.callback(client.acl_deluser, "feeder")
            return f"unix://feeder:pw@{server.socket}?db=0"

        yield make


def test_a_restart_of_the_server_costs_no_image(keys, own_server):
    with Producer(own_server.url_as("producer"), keys.archive) as producer:
        producer.send(URLS[0])
        own_server.kill()
        restart = threading.Timer(0.3, own_server.start)
        restart.start()

        ids = producer.send_many(URLS)

        restart.join()
        assert ids == [derived_id(url) for url in URLS]
        with connect(own_server.url) as client:
            stored = [fields[b"url"].decode() for _, fields in client.xrange(keys.stream("live"))]
        assert set(URLS) <= set(stored)


def test_an_outage_beyond_the_patience_tells_what_was_accepted(keys, own_server):
    def urls():
        yield from URLS[:1000]
        own_server.kill()
        yield from URLS[1000:]

    with Producer(own_server.url_as("producer"), keys.archive, patience_s=0.2) as producer:
        with pytest.raises(ServerUnavailableError, match="not accepted: 1,000") as caught:
            producer.send_many(urls())
        own_server.start()
        again = producer.send_many(URLS[len(caught.value.accepted) :])

    assert caught.value.accepted + again == [derived_id(url) for url in URLS]
    assert caught.value.not_accepted == 1000


def test_a_server_that_never_was_there_is_told_within_the_patience():
    begun = time.monotonic()
    with (
        Producer("redis://u:SECRET@127.0.0.1:1/0", patience_s=0.3) as producer,
        pytest.raises(ServerUnavailableError, match=r"redis://127\.0\.0\.1:1/0 cannot be reached") as caught,
    ):
        producer.send(URLS[0])

    assert time.monotonic() - begun < 1
    assert "SECRET" not in str(caught.value)


def test_a_producer_that_waits_says_so_once_without_secrets(caplog):
    with (
        Producer("redis://u:SECRET@127.0.0.1:1/0", patience_s=4) as producer,
        pytest.raises(ServerUnavailableError),
    ):
        producer.send(URLS[0])

    [told] = caplog.messages
    assert re.fullmatch(
        r"the server redis://127.0.0.1:1/0 cannot be reached: waiting for it, [23] s at most", told
    )


def test_producers_stop_at_85_percent_of_the_servers_memory_and_go_on_below(limits, client, keys, producer):
    limits(0.86)
    with pytest.raises(ArchiveFullError, match="85 % of its maxmemory") as caught:
        producer.send_many(URLS[:3])
    stopped_at = client.xlen(keys.stream("live"))
    limits(0.5)

    def is_accepted():
        try:
            return producer.send(URLS[0])
        except ArchiveFullError:
            return False

    wait_until(is_accepted, timeout_s=3)
    assert (stopped_at, caught.value.accepted, caught.value.not_accepted) == (0, [], 3)


def test_a_producer_that_may_not_ask_goes_on_until_the_server_refuses(limits, user, keys):
    url = user("~{test}:*", "+xadd", "+xlen", "+set")
    with Producer(url, keys.archive) as producer:
        limits(0.9)
        producer.send(URLS[0])
        limits(1.1)
        with pytest.raises(ArchiveFullError, match=r"is at its maxmemory; not accepted: 1$"):
            producer.send(URLS[1])


@pytest.mark.parametrize(
    ("rights", "password", "told"),
    [
        (("~{other}:*", "+xadd", "+xlen", "+set"), "pw", "valkey.sock refuses: .*access"),
        (("~{test}:*", "+xlen", "+set"), "pw", "valkey.sock refuses: .*permissions"),
        (
            ("~{test}:*", "+xadd", "+xlen", "+set"),
            "wrong",
            "valkey.sock refuses: .*WRONGPASS|invalid username",
        ),
    ],
)
def test_a_user_without_rights_is_told_at_once(rights, password, told, user, keys):
    url = user(*rights).replace(":pw@", f":{password}@")
    begun = time.monotonic()

    with Producer(url, keys.archive) as producer, pytest.raises(ServerRefusedError, match=told):
        producer.send(URLS[0])

    assert time.monotonic() - begun < 2


def test_the_rights_of_a_producer_suffice(user, keys, client):
    client.acl_log_reset()
    with Producer(
        user("~{test}:*", "+xadd", "+xlen", "+set", "+info", "+@connection"),
        keys.archive,
        broker_url="memory://",
    ) as producer:
        producer.send_many(URLS)

    assert client.xlen(keys.stream("live")) == len(URLS)
    assert client.acl_log() == []


def test_a_read_only_replica_is_waited_for(keys, own_server):
    with connect(own_server.url) as client, Producer(own_server.url_as("producer"), keys.archive) as producer:
        client.replicaof("127.0.0.1", 1)
        promotion = threading.Timer(0.3, client.replicaof, ["NO", "ONE"])
        promotion.start()

        producer.send(URLS[0])

        promotion.join()
        assert client.xlen(keys.stream("live")) == 1


def test_a_server_that_stays_read_only_is_told(keys, own_server):
    with (
        connect(own_server.url) as client,
        Producer(own_server.url_as("producer"), keys.archive, patience_s=0.2) as producer,
    ):
        client.replicaof("127.0.0.1", 1)
        with pytest.raises(NotAcceptedError, match=r"refuses writes; not accepted: 1$"):
            producer.send(URLS[0])


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_a_producer_whose_server_became_a_replica_finds_the_next_primary(
    keys, server, own_server, client, kind
):
    with TcpProxy(server.socket) as proxy:
        url = proxy.url(user=credentials("producer"))
        send = {"threads": _send_both, "asyncio": lambda *given: asyncio.run(_send_both_async(*given))}[kind]

        def fail_over():
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            proxy.upstream = own_server.socket

        try:
            send(url, keys.archive, fail_over)
        finally:
            client.execute_command("REPLICAOF", "NO", "ONE")

    with connect(own_server.url) as second:
        assert (client.xlen(keys.stream("live")), second.xlen(keys.stream("live"))) == (1, 1)


def _send_both(url, archive, fail_over):
    with Producer(url, archive, patience_s=5) as producer:
        producer.send(URLS[0])
        fail_over()
        producer.send(URLS[1])


async def _send_both_async(url, archive, fail_over):
    async with AsyncProducer(url, archive, patience_s=5) as producer:
        await producer.send(URLS[0])
        fail_over()
        await producer.send(URLS[1])
