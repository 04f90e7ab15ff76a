"""Recording, looking up, looking back, publishing: every status that these scripts can answer."""

import json
from dataclasses import replace
from threading import Barrier, Thread

import pytest

from producer.server import connect
from worker.clusters import NotFiled
from worker.entries import image_facts, read_message
from worker.records import ImageFacts
from worker.scripts import Scripts

A = 0x00000000FFFFFFFF
FLAT = 0x8000000000000000


def _all(client, keys):
    return [json.loads(fields[b"event"]) for _, fields in client.xrange(keys.alerts)]


def test_the_first_image_is_number_0_and_the_first_row_of_the_log(client, consumer, send, keys):
    send("a", A)
    owner = consumer("owner")
    (entry,) = owner.take()

    record = owner.record(entry)

    assert (record.number, record.horizon, record.rank, record.first, record.previous) == (0, 1, 0, 0, 0)
    assert client.get(keys.segment(0)) == A.to_bytes(8, "big")
    assert client.smembers(keys.cluster(A)) == {b"0"}
    assert record.is_done is False


def test_recording_twice_keeps_the_first_record(client, consumer, send):
    send("a", A, id="one")
    send("b", ~A & (2**64 - 1), id="one")
    owner = consumer("owner")
    first, second = owner.take()

    records = owner.record(first), owner.record(second)

    assert records[0] == records[1]


def test_a_derived_id_with_another_url_is_a_conflict(consumer, send):
    send("a", A)
    owner = consumer("owner")
    (entry,) = owner.take()
    facts = image_facts(read_message(entry), phash=A)
    forged = replace(facts, url="http://127.0.0.1:1/other")
    owner.clusters.record([(entry, forged)])

    assert owner.clusters.record([(entry, facts)]) == [NotFiled.CONFLICT]


def test_ranks_and_steps_back_follow_the_cluster(consumer, send):
    for name in "abcd":
        send(name, A)
    owner = consumer("owner")

    records = [owner.record(entry) for entry in owner.take()]

    assert [(r.number, r.rank, r.first, r.previous) for r in records] == [
        (0, 0, 0, 0), (1, 1, 0, 0), (2, 2, 0, 1), (3, 3, 0, 2),
    ]  # fmt: skip
    assert {r.horizon for r in records} == {1}


def test_a_flat_image_is_filed_and_not_in_the_log(client, consumer, send, keys):
    send("a", FLAT)
    owner = consumer("owner")

    (record,) = [owner.record(entry) for entry in owner.take()]

    assert (record.horizon, client.exists(keys.segment(0))) == (0, 0)
    assert client.hget(keys.counters, "low_information") == b"1"


def test_known_finds_what_was_recorded_and_nothing_else(consumer, send):
    send("a", A, id="one")
    owner = consumer("owner")
    (record,) = [owner.record(entry) for entry in owner.take()]

    assert owner.clusters.known(["one", "two", "one"]) == [record, None, record]


def test_looking_back_tells_only_what_was_there_before(consumer, send):
    near = A ^ 0b11 << 31
    for name, phash in (("a", A), ("b", near), ("c", A), ("d", near), ("e", A)):
        send(name, phash)
    owner = consumer("owner")
    records = [owner.record(entry) for entry in owner.take()]

    (early,) = owner.clusters.look_back([(records[2], [near])], copies=5)
    (late,) = owner.clusters.look_back([(records[4], [near])], copies=1)

    assert (early[0], early[1][0].images) == ([records[0]], 1)
    assert (late[0], late[1][0].images) == ([records[2]], 2)
    assert (late[1][0].first.seen_at_ms, late[1][0].last.seen_at_ms) == (
        records[1].seen_at_ms,
        records[3].seen_at_ms,
    )


def test_publishing_ends_the_entry_with_one_alert(client, consumer, send, keys):
    send("a", A)
    owner = consumer("owner")
    (entry,) = owner.take()
    record = owner.record(entry)

    assert owner.publish(entry, record, '{"id": 1}') == "OK"
    assert owner.publish(entry, record, '{"id": 1}') == "LOST"
    assert _all(client, keys) == [{"id": 1}]
    assert client.xlen(entry.stream) == 0
    assert owner.clusters.known([record.image.id])[0].is_done


def test_publishing_reaches_the_channel_of_the_same_name(client, consumer, send, keys):
    send("a", A)
    owner = consumer("owner")
    (entry,) = owner.take()
    with client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(keys.alerts)
        channel.get_message(timeout=5)
        owner.publish(entry, owner.record(entry), "{}")
        message = channel.get_message(timeout=5)

    assert message["data"] == b"{}"


def test_the_second_entry_of_an_image_that_is_done_ends_without_another_alert(client, consumer, send, keys):
    send("a", A)
    send("a", A)
    owner = consumer("owner")
    first, second = owner.take()
    record = owner.record(first)
    owner.publish(first, record, "{}")

    assert owner.publish(second, owner.record(second), "{}") == "DONE"
    assert _all(client, keys) == [{}]
    assert client.hget(keys.counters, "alerts") == b"1"
    assert client.xlen(second.stream) == 0


@pytest.mark.parametrize(
    "change", ["number", "phash", "horizon", "seen_at_ms", "rank", "previous", "unknown"]
)
def test_publishing_changes_nothing_where_the_server_holds_another_record(
    client, consumer, send, keys, change
):
    for name in "abc":
        send(name, A)
    owner = consumer("owner")
    *_, entry = owner.take()
    record = [owner.record(entry)][0]
    stale = {
        "phash": lambda: replace(record, image=replace(record.image, phash=A ^ 3)),
        "unknown": lambda: replace(record, image=replace(record.image, id="unknown")),
    }.get(change, lambda: replace(record, **{change: getattr(record, change) + 1}))()

    assert owner.publish(entry, stale, "{}") == "CHANGED"
    assert _all(client, keys) == []
    assert owner.publish(entry, record, "{}") == "OK"


def test_two_consumers_that_record_at_the_same_moment_get_different_numbers_and_one_sees_the_other(
    server, keys, uuid, consumer, send
):
    rounds = 1000
    for at in range(rounds):
        # 32 bits set, a pair of neighbours, and no two pairs alike.
        spread = (at << 12 | ~at & 0xFFF) << 32
        send(f"x{at}", spread | 0x000FFFFF)
        send(f"y{at}", spread | 0x001FFFFE)
    entries = consumer("c").take(limit=2 * rounds)
    barrier = Barrier(2)
    horizons = {}

    def record(which):
        with connect(server.url) as own:
            from tests.integration.conftest import Consumer  # noqa: PLC0415 - built on this thread's connection

            owner = Consumer(Scripts(own, keys=keys, uuid=uuid), keys, "c")
            for at in range(rounds):
                barrier.wait()
                horizons[which, at] = owner.record(entries[2 * at + which])

    threads = [Thread(target=record, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for at in range(rounds):
        earlier, later = sorted((horizons[0, at], horizons[1, at]), key=lambda record: record.number)
        assert later.horizon == earlier.horizon + 1 == 2 * at + 2


def test_facts_survive_the_way_through_the_server(consumer, send):
    send("a", A, id="ü" * 200, source="s", page_url="https://e.org/p", meta={"a": {"b": [1, None]}},
         scraped_at="1970-01-01T00:00:00Z")  # fmt: skip
    owner = consumer("owner")
    (entry,) = owner.take()

    record = owner.record(entry)

    assert record.image == image_facts(read_message(entry), phash=A)
    assert isinstance(record.image, ImageFacts)
