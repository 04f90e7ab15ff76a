"""Wake-ups: one for all producers each two seconds, after the append, within a second, and never in the way."""

import base64
import json
import socket
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import celery
import pytest

from producer import Producer
from producer.server import connect
from producer.wake import make_celery_app, wake_up

URL = "https://example.org/a.jpg"


@pytest.fixture
def broker(server):
    """The database of wake-ups."""
    with connect(server.url.replace("db=0", "db=1")) as connection:
        yield connection


@pytest.fixture
def silent():
    """The address of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.fixture
def producer_with(server, keys):
    """Make a producer whose wake-ups go to another broker."""
    with ExitStack() as stack:
        yield lambda broker_url: stack.enter_context(
            Producer(server.url_as("producer"), keys.archive, broker_url=broker_url)
        )


def wake_ups(broker, keys):
    return [json.loads(message) for message in broker.lrange(keys.queue, 0, -1)]


def test_only_the_first_of_many_sends_a_wake_up(broker, client, keys, server):
    with (
        Producer(server.url_as("producer"), keys.archive) as one,
        Producer(server.url_as("producer"), keys.archive) as other,
    ):
        one.send_many([URL, URL])
        other.send(URL)
        one.send(URL, lane="backlog")

    assert len(wake_ups(broker, keys)) == 1
    assert 0 < client.pttl(keys.wake) <= 2000


def test_the_next_wake_up_goes_out_when_a_worker_has_taken_the_key(broker, client, keys, producer):
    producer.send(URL)
    client.delete(keys.wake)
    producer.send(URL)

    assert len(wake_ups(broker, keys)) == 2


def test_a_wake_up_carries_nothing_and_expires(broker, keys, producer):
    producer.send(URL + "?token=SECRET")

    (message,) = wake_ups(broker, keys)
    headers = message["headers"]
    expires_in = datetime.fromisoformat(headers["expires"]) - datetime.now(UTC)
    assert (headers["task"], headers["ignore_result"]) == ("lookalike.drain", True)
    assert json.loads(base64.b64decode(message["body"]))[:2] == [[], {}]
    assert timedelta(seconds=50) < expires_in <= timedelta(seconds=60)
    assert "SECRET" not in json.dumps(message)


def test_the_broker_may_be_another_server(broker, keys, own_server, server):
    with Producer(
        own_server.url, keys.archive, broker_url=f"redis+socket://{server.socket}?virtual_host=1"
    ) as producer:
        producer.send(URL)

    assert len(wake_ups(broker, keys)) == 1


def test_a_password_and_a_socket_with_a_space_reach_the_broker(broker, client, keys, server, tmp_path):
    client.config_set("requirepass", "p@ss/w:rd")
    try:
        with Producer(f"unix://:p%40ss%2Fw%3Ard@{server.socket}?db=0", keys.archive) as producer:
            producer.send(URL)
    finally:
        connect(f"unix://:p%40ss%2Fw%3Ard@{server.socket}?db=0").config_set("requirepass", "")

    assert len(wake_ups(broker, keys)) == 1


def test_the_surrounding_programs_celery_is_left_alone(broker, keys, producer, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    theirs = celery.Celery("theirs", broker="memory://")
    theirs.set_current()

    producer.send(URL)

    assert len(wake_ups(broker, keys)) == 1
    assert celery.current_app.main == "theirs"


@pytest.mark.parametrize("kind", ["silent", "closed", "nonsense"])
def test_a_broker_in_trouble_costs_a_second_at_most_and_no_image(kind, caplog, producer_with, silent):
    broker_url = {"silent": silent, "closed": "redis://127.0.0.1:1/0", "nonsense": "carrier-pigeon://"}[kind]
    producer = producer_with(broker_url)
    begun = time.monotonic()

    producer.send(URL)

    assert time.monotonic() - begun < 1.5
    assert producer.count_waiting("live") == 1
    assert "no wake-up sent" in caplog.text


def test_whoever_sweeps_wakes_by_the_same_rule(broker, client, keys, server):
    app = make_celery_app(f"redis+socket://{server.socket}?virtual_host=1", keys)

    assert wake_up(client, keys, app)
    assert not wake_up(client, keys, app)
    assert len(wake_ups(broker, keys)) == 1
