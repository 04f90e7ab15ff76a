"""Appending: what is answered is in the lane, in order, whole, once; from threads, forks and generators alike."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from producer import ImageMessage, InvalidMessageError, Producer, derived_id
from producer.bridge import enqueue_image

A, B = "https://example.org/a.jpg", "https://example.org/b.jpg"


def entries(client, keys, lane):
    return [fields for _, fields in client.xrange(keys.stream(lane))]


def test_send_gives_the_id_of_an_image_that_is_in_the_lane(client, keys, producer):
    image_id = producer.send(A)

    assert image_id == derived_id(A)
    assert entries(client, keys, "live") == [{b"url": A.encode()}]


def test_send_writes_every_field(client, keys, producer):
    image_id = producer.send(
        A,
        id="7",
        source="sharechat",
        scraped_at=datetime(2026, 11, 22, tzinfo=UTC),
        page_url=B,
        meta={"likes": 3},
        phash="ba8c84536bd3c366",
        lane="backlog",
    )

    assert image_id == "7"
    assert entries(client, keys, "backlog") == [
        {
            b"url": A.encode(),
            b"id": b"7",
            b"source": b"sharechat",
            b"scraped_at": b"2026-11-22T00:00:00Z",
            b"page_url": B.encode(),
            b"meta": b'{"likes":3}',
            b"phash": b"ba8c84536bd3c366",
        }
    ]


def test_send_many_gives_the_ids_in_the_order_given(client, keys, producer):
    urls = [f"https://example.org/{number}" for number in range(2500)]

    ids = producer.send_many(url for url in urls)

    assert ids == [derived_id(url) for url in urls]
    assert [fields[b"url"].decode() for fields in entries(client, keys, "live")] == urls


def test_send_many_takes_urls_fields_and_messages(client, keys, producer):
    ids = producer.send_many(
        [A, {"url": B, "id": "b", "source": None}, ImageMessage(url=A, id="c")], lane="backlog"
    )

    assert ids == [derived_id(A), "b", "c"]
    assert entries(client, keys, "backlog") == [
        {b"url": A.encode()},
        {b"url": B.encode(), b"id": b"b"},
        {b"url": A.encode(), b"id": b"c"},
    ]


def test_what_comes_before_an_invalid_message_is_accepted(client, keys, producer):
    urls = [f"https://example.org/{number}" for number in range(1200)]

    with pytest.raises(InvalidMessageError, match="unknown field 'colour'") as caught:
        producer.send_many([*urls, {"url": B, "colour": "red"}, A])

    assert caught.value.accepted == [derived_id(url) for url in urls]
    assert len(entries(client, keys, "live")) == 1200


def test_nothing_is_sent_of_an_invalid_image(client, producer):
    with pytest.raises(InvalidMessageError, match="id is empty"):
        producer.send(A, id="")

    assert client.keys() == []


def test_producers_cannot_append_to_the_lane_of_retries(client, producer):
    with pytest.raises(ValueError, match="lane 'retry' is not one of live, backlog"):
        producer.send(A, lane="retry")

    assert client.keys() == []


def test_threads_may_share_a_producer(client, keys, producer):
    urls = [f"https://example.org/{number}" for number in range(400)]

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(producer.send, urls))

    assert ids == [derived_id(url) for url in urls]
    assert {fields[b"url"].decode() for fields in entries(client, keys, "live")} == set(urls)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_may_use_its_parents_producer(client, keys, producer):
    producer.send(A)

    child = os.fork()
    if not child:
        status = 1
        try:
            client.delete(keys.wake)  # so that the child sends a wake-up as well
            producer.send(B)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    producer.send(A, id="again")

    assert status == 0
    assert [fields[b"url"].decode() for fields in entries(client, keys, "live")] == [A, B, A]


def test_drop_known_leaves_out_what_is_recorded(client, keys, producer):
    client.hset(keys.ids("known"), "known", 7)
    messages = [ImageMessage(url=A, id=image_id) for image_id in ("new", "known", "newer")]

    assert [message.id for message in producer.drop_known(messages)] == ["new", "newer"]


def test_the_bridge_appends_what_a_task_was_given(client, keys, producer):
    assert enqueue_image(producer, A, id="7", source="x", lane="backlog") == "7"

    assert entries(client, keys, "backlog") == [{b"url": A.encode(), b"id": b"7", b"source": b"x"}]


@pytest.mark.parametrize("fields", [{"lane": "retry"}, {"colour": "red"}, {"id": ""}])
def test_the_bridge_refuses_what_breaks_the_contract(fields, producer):
    with pytest.raises(ValueError, match=r"lane|colour|id"):
        enqueue_image(producer, A, **fields)


def test_importing_the_producer_loads_nothing_heavy():
    code = """if True:
        import sys
        from producer import Producer
        import producer.cli
        heavy = {"numpy", "PIL", "imagehash", "scipy", "worker", "celery.app.base"} & set(sys.modules)
        sys.exit(f"loaded {heavy}" if heavy else 0)
    """
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize("arguments", [("http://h",), ("redis://h/x",), ("redis://h", "Grüße")])
def test_a_url_or_archive_that_cannot_be_used_is_refused_at_once(arguments):
    with pytest.raises(ValueError, match=r"Redis URL|archive|invalid literal"):
        Producer(*arguments)


def test_type_checkers_see_the_types_of_the_package():
    assert Path(sys.modules[Producer.__module__.partition(".")[0]].__file__).with_name("py.typed").exists()
