"""Wake-ups that are lost, doubled, late, or no wake-ups at all: no image is lost, and no worker dies of them."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from producer.names import DRAIN_TASK
from producer.wake import make_celery_app, send_wake_up
from tests.observing import children
from tests.soft_images import draw, encode
from tests.waiting import wait_until


@pytest.fixture
def url(images):
    return images.add("one.png", encode(draw(1)))


@pytest.fixture
def broker(service):
    """The database in which the broker's lists are."""
    service.client.ping()
    with service.client.__class__(unix_socket_path=str(service.server.socket), db=1) as client:
        yield client


def test_an_entry_that_somebody_appended_without_a_wake_up_is_handled_within_two_seconds(service, url):
    worker = service.start_worker()
    wait_until(
        lambda: len(children(worker)) == 2 and service.client.zcard(service.keys.workers), what="a worker"
    )

    service.client.execute_command("XADD", service.keys.stream("live"), "*", "url", url)
    appended_at = time.monotonic()
    wait_until(lambda: service.client.exists(service.keys.alerts, service.keys.counters), what="the image")

    assert time.monotonic() - appended_at < 2.5
    assert service.wait_done(images=1)["images"] == 1


def test_late_doubled_and_unknown_tasks_are_harmless(service, url, producer):
    app = make_celery_app(service.server.broker_as("producer"), service.keys)
    worker = service.start_worker()
    with app.connection_for_write() as connection:
        for task in [DRAIN_TASK] * 20 + ["lookalike.unknown"] * 3:
            app.send_task(task, connection=connection, queue=service.keys.queue)
        long_ago = datetime.now(tz=UTC) - timedelta(minutes=1)
        for _ in range(3):
            app.send_task(DRAIN_TASK, connection=connection, queue=service.keys.queue, expires=long_ago)

    producer.send(url)

    assert service.wait_done(images=1)["images"] == 1
    assert worker.poll() is None


def test_garbage_in_the_brokers_list_ends_no_worker(service, url, producer, broker):
    worker = service.start_worker()
    wait_until(lambda: len(children(worker)) == 2, what="children")
    for garbage in (b"no JSON", b"\xff\xfe", b"[]", b"{}", b'{"body": 1}', b"null", b'"x"'):
        broker.rpush(service.keys.queue, garbage)
    wait_until(lambda: not broker.llen(service.keys.queue), what="the list is empty")

    producer.send(url)

    assert service.wait_done(images=1)["images"] == 1
    assert worker.poll() is None


def test_losing_the_whole_database_of_the_broker_loses_no_image(service, images, producer, broker):
    worker = service.start_worker()
    wait_until(lambda: len(children(worker)) == 2, what="children")
    for at in range(10):
        producer.send(images.add(f"{at}.png", encode(draw(at))))
        broker.flushdb()

    assert service.wait_done(images=10)["images"] == 10
    assert worker.poll() is None


def test_a_broker_that_reaches_no_other_process_does(service, url, producer):
    service.start_worker(LOOKALIKE_BROKER_URL="memory://")

    producer.send(url)

    assert service.wait_done(images=1)["images"] == 1


def test_wake_ups_that_nobody_reads_do_not_pile_up(service, broker):
    app = make_celery_app(service.server.broker_as("producer"), service.keys)

    for _ in range(200):
        send_wake_up(service.keys, app)

    assert broker.llen(service.keys.queue) < 110
