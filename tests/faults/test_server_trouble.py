"""What a server can do to its workers (full, read-only, loading, replaced, flushed, locked, slow): they wait."""

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest
from fault_checker import check
from role_server import RoleServer, credentials
from tcp_proxy import TcpProxy

from producer import Producer
from producer.server import connect
from tests.observing import alerts, children, failures
from tests.soft_images import draw, encode
from tests.waiting import wait_until

DURABLE = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}


@pytest.fixture
def proxy(service):
    with TcpProxy(service.server.socket) as made:
        yield made


def _behind(proxy) -> dict[str, str]:
    worker = credentials("worker")
    return {
        "LOOKALIKE_REDIS_URL": proxy.url(user=worker),
        "LOOKALIKE_BROKER_URL": proxy.url(1, user=worker),
        "LOOKALIKE_LEASE": "3",
    }


def _cpu_s(worker) -> float:
    """Give the CPU time of a worker and its children."""
    ticks = 0
    for pid in [worker.pid, *children(worker)]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _log(service) -> str:
    return service.log.read_text()


def _is_idle(service, worker) -> bool:
    return len(children(worker)) == 2 and bool(service.client.zcard(service.keys.workers))


def test_at_maxmemory_recorded_images_are_published_and_the_others_wait(
    service, consumer, images, send, producer
):
    images.add("waits.png", encode(draw(2)))
    send("recorded")
    owner = consumer("owner")
    (entry,) = owner.take()
    record = owner.record(entry)
    owner.ownership.give_back([entry])
    producer.send(images.url("waits.png"))
    service.client.config_set("maxmemory", "1")
    try:
        # Its own wake-ups: a broker on the same server is full too.
        worker = service.start_worker(LOOKALIKE_BROKER_URL="memory://")
        wait_until(lambda: owner.clusters.known([record.image.id])[0].is_done, what="its end")
        wait_until(lambda: "maxmemory" in _log(service), what="a clear line")
        assert service.client.hget(service.keys.counters, "images") == b"1"
    finally:
        service.client.config_set("maxmemory", "0")
    raised_at = time.monotonic()
    counts = service.wait_done(images=2)

    assert time.monotonic() - raised_at < 10
    assert (counts["images"], counts["failures"]) == (2, 0)
    assert worker.poll() is None


def test_a_full_broker_is_asked_once_a_second_and_survived(service, images, producer, uuid):
    service.client.config_set("maxmemory", "1")
    try:
        worker = service.start_worker()
        wait_until(lambda: "maxmemory" in _log(service), what="a clear line")
        began, lines = time.monotonic(), len(_log(service).splitlines())
        wait_until(lambda: time.monotonic() - began > 3, what="some seconds of trouble")
        assert len(_log(service).splitlines()) - lines < 30
    finally:
        service.client.config_set("maxmemory", "0")
    producer.send(images.add("a.png", encode(draw(1))))

    assert service.wait_done(images=1, timeout_s=10)["images"] == 1
    assert worker.poll() is None


@pytest.mark.parametrize("trouble", ["read-only", "password"])
def test_a_server_that_refuses_is_waited_for_without_a_busy_loop(service, images, producer, proxy, trouble):
    refuse, allow, told = {
        "read-only": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "ReadOnlyError"),
        "password": (
            ("ACL", "SETUSER", "worker", "resetpass", ">other"),
            ("ACL", "SETUSER", "worker", f">{credentials('worker')[7:-1]}"),
            "AuthenticationError",
        ),
    }[trouble]
    worker = service.start_worker(**_behind(proxy))
    wait_until(lambda: _is_idle(service, worker), what="an idle worker")
    producer.send_many(images.add(f"{at}.png", encode(draw(at))) for at in range(20))
    service.wait_done(images=20)

    service.client.execute_command(*refuse)
    if trouble == "password":
        proxy.cut()
        proxy.heal()
    began, cpu = time.monotonic(), _cpu_s(worker)
    wait_until(lambda: told in _log(service), what="a clear line")
    wait_until(lambda: time.monotonic() - began > 4, what="some seconds of trouble")
    used = (_cpu_s(worker) - cpu) / (time.monotonic() - began)
    service.client.execute_command(*allow)
    refused = service.server.refusals()
    producer.send_many(images.add(f"{at}.png", encode(draw(at))) for at in range(20, 40))
    counts = service.wait_done(images=40, timeout_s=38)

    assert used < 0.5
    assert all(": auth " in line for line in refused), refused
    assert (counts["images"], counts["failures"]) == (40, 0)
    assert worker.poll() is None
    assert _log(service).count(told) < 20


def test_a_server_that_loads_for_seconds_is_waited_for(images, tmp_path, service):
    home = Path(tempfile.mkdtemp(prefix="lookalike-test-"))
    config = dict(DURABLE)
    server = RoleServer(home, config=config)
    server.start()
    try:
        worker = service.start_worker(LOOKALIKE_REDIS_URL=server.url_as("worker"), LOOKALIKE_LEASE="3")
        feeder = server.url_as("producer")
        with Producer(feeder, service.keys.archive) as producer, connect(server.url) as client:
            urls = [images.add(f"{at}.png", encode(draw(at))) for at in range(40)]
            producer.send_many(urls[:20])
            wait_until(lambda: client.hget(service.keys.counters, "images") == b"20", what="images")
            server.kill()
            config["key-load-delay"] = "20000"
            server.start()
            producer.send_many(urls[20:])
            wait_until(
                lambda: client.hget(service.keys.counters, "images") == b"40", timeout_s=40, what="the others"
            )

            assert client.xlen(service.keys.failures) == 0
            assert worker.poll() is None
    finally:
        server.stop()
        shutil.rmtree(home)


def test_a_failover_that_loses_the_last_second_leaves_a_right_archive(images, service):
    home = Path(tempfile.mkdtemp(prefix="lookalike-test-"))
    first, second = _replicated(home)
    names = [f"{at:03d}.png" for at in range(90)]
    for at, name in enumerate(names):
        images.add(name, encode(draw(at // 2 % 40).point(lambda value, at=at: value * (20 - at % 5) // 20)))
    with first, second, TcpProxy(first.socket) as proxy, connect(second.url) as replica:
        replica.execute_command("REPLICAOF", "127.0.0.1", first.port)
        service.start_worker(**_behind(proxy))
        feeder = proxy.url(user=credentials("producer"))
        with Producer(feeder, service.keys.archive) as producer, connect(first.url) as primary:
            producer.send_many(images.url(name) for name in names[:50])
            _wait_images(primary, service, 50)
            wait_until(lambda: replica.info("replication")["master_link_status"] == "up", what="a replica")
            _wait_images(replica, service, 50)
            replica.execute_command("REPLICAOF", "NO", "ONE")
            producer.send_many(images.url(name) for name in names[50:])
            wait_until(
                lambda: int(primary.hget(service.keys.counters, "images")) > 60, what="what will be lost"
            )
            proxy.cut()
            proxy.upstream = second.socket
            proxy.heal()
            producer.send_many(images.url(name) for name in reversed(names[50:]))
        _wait_images(replica, service, 90)
        wait_until(
            lambda: not any(replica.xlen(service.keys.stream(lane)) for lane in ("live", "retry")),
            what="the ends",
        )
        verdict = check(
            replica, prefix=service.keys.prefix, manifest=images.hashes, accepted=list(images.hashes)
        )
        refused = first.refusals() + second.refusals()
    shutil.rmtree(home)

    assert verdict.is_clean, verdict
    assert verdict.recorded == 90
    assert refused == []


def _replicated(home: Path) -> tuple[RoleServer, RoleServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    first = RoleServer(home / "a", config={**DURABLE, "port": str(port), "bind": "127.0.0.1"})
    first.port = port
    return first, RoleServer(home / "b", config={**DURABLE, "replica-read-only": "yes"})


def _wait_images(client, service, count: int) -> None:
    wait_until(
        lambda: int(client.hget(service.keys.counters, "images") or 0) >= count,
        timeout_s=40,
        what=f"{count} images; see {service.log}",
    )


def test_a_flushed_archive_stops_the_work_loudly_and_a_new_worker_refuses_it(service, images, producer):
    worker = service.start_worker()
    producer.send(images.add("a.png", encode(draw(1))))
    service.wait_done(images=1)

    service.client.flushall()
    producer.send(images.add("b.png", encode(draw(2))))
    wait_until(lambda: "no longer holds the archive" in _log(service), what="a loud line")
    late = service.start_worker()
    status = late.wait(30)

    assert status == 78
    assert worker.poll() is None
    assert alerts(service.client, service.keys) == []
    assert failures(service.client, service.keys) == {}
    assert service.client.xlen(service.keys.stream("live")) == 1


def test_two_hundred_milliseconds_a_command_are_slow_and_right(service, images, producer, proxy):
    proxy.delay_s = 0.2
    names = [f"{at}.png" for at in range(20)]
    producer.send_many(images.add(name, encode(draw(at // 2))) for at, name in enumerate(names))
    service.start_worker(**_behind(proxy))

    counts = service.wait_done(images=20, timeout_s=60)
    verdict = check(service.client, prefix=service.keys.prefix, manifest=images.hashes, accepted=names)

    assert counts["failures"] == 0
    assert verdict.is_clean, verdict


def test_an_idle_worker_survives_every_restart_of_its_server(own_service, images):
    worker = own_service.start_worker(LOOKALIKE_LEASE="3")
    wait_until(lambda: _is_idle(own_service, worker), what="an idle worker")

    for _ in range(3):
        own_service.server.kill()
        own_service.server.start()
    with Producer(own_service.server.url_as("producer"), own_service.keys.archive) as producer:
        producer.send(images.add("a.png", encode(draw(1))))

    assert own_service.wait_done(images=1)["images"] == 1
    assert worker.poll() is None


def test_after_an_outage_of_many_seconds_workers_are_woken_again_within_a_few(own_service, images):
    worker = own_service.start_worker()
    wait_until(lambda: _is_idle(own_service, worker), what="an idle worker")
    own_service.server.kill()
    wait_until(lambda: _log(own_service).count("Cannot connect to") >= 5, what="some tries to connect")
    own_service.server.start()

    with Producer(own_service.server.url_as("producer"), own_service.keys.archive) as producer:
        producer.send(images.add("a.png", encode(draw(1))))

    assert own_service.wait_done(images=1, timeout_s=5)["images"] == 1
