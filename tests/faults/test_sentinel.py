"""Sentinel promotes a replica that lacks what the primary took last: the service goes on by itself, and is right."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from fault_checker import check
from role_server import credentials

from producer import Producer
from producer.errors import ServerUnavailableError
from tests.command import Command
from tests.soft_images import draw, encode
from tests.waiting import wait_until
from tests.watched_servers import CLIENT_TLS, TILT_S, WatchedServers
from tests.web_site import Web

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def watched():
    home = Path(tempfile.mkdtemp(prefix="lookalike-test-"))
    with WatchedServers(home) as servers:
        yield servers
    shutil.rmtree(home)


@pytest.fixture
def encrypted(monkeypatch):
    """The same with TLS, which the packaged server is built without."""
    binary = shutil.which("redis-server") or pytest.skip("needs redis-server, for TLS")
    monkeypatch.setenv("LOOKALIKE_SERVER_BINARY", binary)
    home = Path(tempfile.mkdtemp(prefix="lookalike-test-"))
    with WatchedServers(home, is_encrypted=True) as servers:
        yield servers
    shutil.rmtree(home)


@contextmanager
def page_of(service, servers):
    settings = {**service.environment, "LOOKALIKE_REDIS_URL": servers.url_as("page")}
    web = Web(settings, service.home / "web.log")
    try:
        wait_until(web.find_url, timeout_s=40, what="the page")
        yield web
    finally:
        web.stop()


@pytest.fixture
def page(service, watched):
    with page_of(service, watched) as web:
        yield web


def _recorded(client, service) -> int:
    return int(client.hget(service.keys.counters, "images") or 0)


def _names(client, service) -> set[str]:
    """Read the names of all recorded images, with eyes that know only the ids."""
    found = set()
    for key in client.scan_iter(f"{service.keys.prefix}ids:*", count=1000):
        found |= {name.decode() for name in client.hkeys(key)}
    return found


def test_after_a_failover_by_sentinel_only_what_the_replica_lacked_is_lost_and_can_be_sent_again(
    service, images, watched, page
):
    names = [f"{at:03d}.png" for at in range(90)]
    urls = {}
    for at, name in enumerate(names):
        urls[name] = images.add(
            name, encode(draw(at // 2 % 40).point(lambda value, at=at: value * (20 - at % 5) // 20))
        )
    kept, lost, later = names[:40], names[40:65], names[65:]
    settings = {"LOOKALIKE_REDIS_URL": watched.url_as("worker"), "LOOKALIKE_LEASE": "3"}
    worker = service.start_worker(**settings)
    primary, replica = watched.client(watched.primary), watched.client(watched.replica)

    with Producer(watched.url_as("producer"), service.keys.archive) as producer:

        def send(chosen):
            producer.send_many({"url": urls[name], "id": name} for name in chosen)

        send(kept)
        wait_until(lambda: _recorded(primary, service) == len(kept), timeout_s=40, what="images")
        assert primary.execute_command("WAIT", 1, 5000) == 1
        watched.cut_replication()
        send(lost)
        wait_until(lambda: _recorded(primary, service) > len(kept) + 10, what="what will be lost")
        watched.primary.kill()
        # It waits until Sentinel has found another primary.
        send(later)
        watched.wait_promoted()
        wait_until(
            lambda: _recorded(replica, service) == len(kept) + len(later),
            timeout_s=60,
            what=f"the others; see {service.log}",
        )
        after_failover = _names(replica, service)
        send(reversed(names[40:]))
        wait_until(lambda: _recorded(replica, service) == len(names), timeout_s=40, what="the lost ones")
        wait_until(
            lambda: not any(replica.xlen(service.keys.stream(lane)) for lane in ("live", "retry")),
            what="the ends",
        )
    verdict = check(replica, prefix=service.keys.prefix, manifest=images.hashes, accepted=names)
    command = Command(service.home, {**service.environment, "LOOKALIKE_REDIS_URL": watched.url_as("page")})
    checked = command.rows("check")

    assert after_failover == {*kept, *later}
    assert verdict.is_clean, verdict
    assert verdict.recorded == len(names)
    assert {row["count"] for row in checked} == {0}
    assert page.get("/v1/stats").json()["images"] == len(names)
    assert worker.poll() is None
    assert watched.replica.refusals() == []
    assert credentials("worker") not in service.log.read_text()


def test_the_old_primary_comes_back_as_a_replica_and_nobody_works_on_it(service, images, watched):
    url = images.add("a.png", encode(draw(1)))
    service.start_worker(LOOKALIKE_REDIS_URL=watched.url_as("worker"), LOOKALIKE_LEASE="3")
    old, new = watched.client(watched.primary), watched.client(watched.replica)
    with Producer(watched.url_as("producer"), service.keys.archive) as producer:
        producer.send(url, id="first")
        wait_until(lambda: _recorded(old, service) == 1, timeout_s=40, what="an image")
        assert old.execute_command("WAIT", 1, 5000) == 1
        watched.primary.kill()
        watched.wait_promoted()
        watched.primary.start()
        wait_until(lambda: old.info("replication")["role"] == "slave", timeout_s=TILT_S, what="another role")

        producer.send(url + "?again", id="second")
        wait_until(lambda: _recorded(new, service) == 2, timeout_s=40, what="the second image")

    wait_until(lambda: _recorded(old, service) == 2, timeout_s=20, what="its replica has it")
    wait_until(lambda: new.xlen(service.keys.alerts) == 1, what="the alert of the second image")


def test_no_image_may_name_a_server_that_only_the_sentinels_know(service, watched):
    service.start_worker(LOOKALIKE_REDIS_URL=watched.url_as("worker"))
    client = watched.client(watched.primary)
    with Producer(watched.url_as("producer"), service.keys.archive) as producer:
        for port in watched.ports:
            producer.send(f"http://127.0.0.1:{port}/")
    wait_until(
        lambda: client.xlen(service.keys.failures) == len(watched.ports), timeout_s=40, what="refusals"
    )

    told = [(row[b"reason"], row[b"detail"]) for _, row in client.xrange(service.keys.failures)]

    assert {reason for reason, _ in told} == {b"refused_address"}
    assert all(detail.endswith(b"is a server of this service") for _, detail in told)


def test_worker_producer_page_and_wake_ups_speak_tls_to_sentinels_and_servers(service, images, encrypted):
    url = images.add("a.png", encode(draw(1)))
    service.start_worker(LOOKALIKE_REDIS_URL=encrypted.url_as("worker"))
    stranger = encrypted.url_as("producer").replace(urlencode(CLIENT_TLS), "")
    with page_of(service, encrypted) as page:
        with Producer(encrypted.url_as("producer"), service.keys.archive) as producer:
            producer.send(url)
        # Wake-ups alone let a worker begin: they came over TLS too.
        wait_until(
            lambda: page.get("/v1/stats").json().get("images") == 1, timeout_s=40, what=f"see {service.log}"
        )
        with (
            Producer(stranger, service.keys.archive, patience_s=0) as producer,
            pytest.raises(ServerUnavailableError),
        ):
            producer.send(url)

    assert encrypted.primary.refusals() == []
