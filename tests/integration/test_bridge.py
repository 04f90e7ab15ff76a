"""Programs that already speak Celery: their task becomes an image on the live lane."""

import time
from contextlib import ExitStack

import pytest
import redis
from celery import Celery

from tests.waiting import wait_until
from worker.bridge import VISIBLE_AFTER_S


@pytest.fixture
def foreign_app(server):
    with Celery("somebody-else", broker=server.broker_as("producer"), set_as_current=False) as app:
        yield app


def test_a_task_sent_by_name_becomes_an_image(service, foreign_app, demo_images):
    service.start_worker()

    foreign_app.send_task(
        "lookalike.enqueue",
        [f"{demo_images.base_url}rocket.jpg"],
        kwargs={"source": "sharechat"},
        queue="lookalike.test",
    )

    assert service.wait_done(images=1)["images"] == 1


def test_nonsense_in_the_queue_is_dropped_and_the_next_image_goes_on(service, foreign_app, demo_images):
    service.start_worker()
    send = foreign_app.send_task

    send("lookalike.enqueue", ["not a URL"], queue="lookalike.test")
    send("lookalike.enqueue", [], queue="lookalike.test")
    send("somebody.elses.task", [1, 2], queue="lookalike.test")
    send("lookalike.enqueue", [f"{demo_images.base_url}rocket.jpg"], queue="lookalike.test")

    stats = service.wait_done(images=1)
    assert (stats["images"], stats["failures"]) == (1, 0)
    wait_until(lambda: "dropped" in service.log.read_text(), what="a word about the nonsense")


@pytest.fixture
def broker(service):
    """Connects to the broker's lists in a database of the service's server."""
    with ExitStack() as stack:
        yield lambda number: stack.enter_context(
            redis.Redis(unix_socket_path=str(service.server.socket), db=number)
        )


def test_the_bridge_wakes_workers_by_their_own_broker(service, broker, demo_images):
    service.start_worker(LOOKALIKE_BROKER_URL=service.server.broker_as("worker", 5))
    url = service.server.broker_as("producer", 5)

    with Celery("somebody-else", broker=url, set_as_current=False) as app:
        app.send_task("lookalike.enqueue", [f"{demo_images.base_url}rocket.jpg"], queue="lookalike.test")
    service.wait_done(images=1)

    assert broker(1).keys() == []


def test_garbage_in_the_bridges_list_does_not_end_the_bridge(service, broker, foreign_app, demo_images):
    service.start_worker()
    lists = broker(1)
    for garbage in (b"no JSON", b"\xff\xfe", b"[]", b"{}", b'{"body": 1}', b"null", b'"x"'):
        lists.rpush("lookalike.test", garbage)
    wait_until(lambda: not lists.llen("lookalike.test"), what="the list is empty")

    foreign_app.send_task("lookalike.enqueue", [f"{demo_images.base_url}rocket.jpg"], queue="lookalike.test")

    assert service.wait_done(images=1)["images"] == 1


def test_what_a_killed_worker_had_taken_is_taken_again_by_another_one(service, own_server, demo_images, uuid):
    url = f"{demo_images.base_url}rocket.jpg"
    service.client.config_set("maxmemory", "1")
    try:
        first = service.start_worker(LOOKALIKE_BROKER_URL=own_server.broker_as("worker"))
        with Celery("somebody-else", broker=own_server.broker_as("producer"), set_as_current=False) as app:
            app.send_task("lookalike.enqueue", [url], queue="lookalike.test")
        with redis.Redis(unix_socket_path=str(own_server.socket), db=1) as broker:
            wait_until(
                lambda: any(
                    b"lookalike.enqueue" in taken for taken in broker.hvals("lookalike.test.unacked")
                ),
                what="it is taken",
            )
            first.kill()
            first.wait()
            # A minute passes, without anybody waiting for it.
            aged = dict.fromkeys(
                broker.zrange("lookalike.test.unacked_index", 0, -1), time.time() - VISIBLE_AFTER_S - 1
            )
            broker.zadd("lookalike.test.unacked_index", aged)
            assert broker.ttl("lookalike.test.unacked_mutex") <= VISIBLE_AFTER_S
            broker.delete("lookalike.test.unacked_mutex")
    finally:
        service.client.config_set("maxmemory", "0")

    service.start_worker(LOOKALIKE_BROKER_URL=own_server.broker_as("worker"))

    assert service.wait_done(images=1)["images"] == 1


def test_what_others_have_taken_from_the_same_broker_stays_theirs(service, broker, foreign_app, demo_images):
    lists = broker(1)
    url = f"redis+socket://{service.server.socket}?virtual_host=1"
    with (
        Celery("theirs", broker=url, set_as_current=False) as theirs,
        theirs.connection_for_read() as connection,
    ):
        theirs.send_task("theirs", queue="celery")
        queue = connection.SimpleQueue("celery")
        queue.get(timeout=5)
        aged = dict.fromkeys(lists.zrange("unacked_index", 0, -1), time.time() - VISIBLE_AFTER_S - 1)
        lists.zadd("unacked_index", aged)

        service.start_worker()
        foreign_app.send_task(
            "lookalike.enqueue", [f"{demo_images.base_url}rocket.jpg"], queue="lookalike.test"
        )
        service.wait_done(images=1)

        assert len(aged) == 1
        assert (lists.llen("celery"), set(lists.zrange("unacked_index", 0, -1))) == (0, set(aged))
        queue.close()
