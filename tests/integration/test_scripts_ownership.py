"""Taking, renewing, giving back, the two other ends: every status that these scripts can answer."""

import json

import pytest

from producer.names import LANES
from worker.errors import ArchiveMissingError
from worker.scripts import NAMES, Scripts
from worker.sweeper import sweep_archive

LEASE_S = 30.0


@pytest.fixture
def sweep(scripts, keys):
    return lambda: sweep_archive(scripts, keys=keys, lease_s=LEASE_S)


def _pending(client, stream):
    rows = client.xpending_range(stream, "workers", "-", "+", 100)
    return [(row["consumer"], row["message_id"], row["times_delivered"]) for row in rows]


def test_every_script_refuses_another_archive(client, keys, uuid):
    other = Scripts(client, keys=keys, uuid="another")
    before = client.dbsize()

    for name in NAMES:
        with pytest.raises(ArchiveMissingError):
            other.call(name, [], [])

    assert client.dbsize() == before


def test_scripts_survive_a_server_that_forgot_them(client, consumer, send):
    send("a")
    client.script_flush()

    assert len(consumer("c").take()) == 1


def test_take_makes_the_groups_from_the_beginning(client, consumer, send, keys):
    send("a", lane="backlog")
    client.xgroup_create(keys.stream("live"), "other", mkstream=True)

    (entry,) = consumer("c").take()

    assert entry.lane == "backlog"
    assert all(b"workers" in [g["name"] for g in client.xinfo_groups(keys.stream(lane))] for lane in LANES)


def test_take_empties_the_lanes_in_their_order(consumer, send):
    for lane in ("backlog", "live"):
        for at in range(3):
            send(f"{lane}{at}", lane=lane)

    taken = consumer("c").take(lanes=("live", "backlog"), limit=4)

    assert [entry.lane for entry in taken] == ["live"] * 3 + ["backlog"]


def test_take_finds_one_abandoned_entry_behind_a_thousand_that_are_renewed(consumer, abandon, producer):
    producer.send_many(f"http://127.0.0.1:1/{at}" for at in range(1000))
    owner = consumer("owner")
    held = owner.take(limit=1000)
    abandon(held[-1], owner)

    (taken,) = consumer("taker").take(limit=1)

    assert (taken.id, taken.delivery, taken.fields) == (held[-1].id, 2, held[-1].fields)


def test_take_leaves_abandoned_entries_where_it_is_not_asked_for_them(consumer, abandon, send):
    send("a")
    owner = consumer("owner")
    (entry,) = owner.take()
    abandon(entry, owner)

    assert consumer("taker").ownership.take(LANES, limit=10, abandoned=False) == []


def test_take_drops_an_abandoned_entry_that_somebody_deleted(client, consumer, abandon, send):
    send("a")
    owner = consumer("owner")
    (entry,) = owner.take()
    client.xdel(entry.stream, entry.id)
    abandon(entry, owner)

    assert consumer("taker").take() == []
    assert _pending(client, entry.stream) == []


def test_an_entry_given_back_is_free_at_once_and_its_delivery_does_not_count(consumer, send):
    send("a")
    owner = consumer("owner")
    owner.ownership.give_back(owner.take())

    (entry,) = consumer("taker").take()

    assert entry.delivery == 1


def test_give_back_leaves_an_entry_that_ended(client, consumer, send):
    send("a")
    owner = consumer("owner")
    (entry,) = owner.take()
    owner.publish(entry, owner.record(entry))

    owner.ownership.give_back([entry])

    assert _pending(client, entry.stream) == []


def test_a_retry_keeps_every_field_its_attempts_and_its_first_attempt(client, consumer, send, sweep, keys):
    send("a", lane="backlog", source="s", meta={"a": [1, "ü"]})
    owner = consumer("owner")
    (entry,) = owner.take()
    assert owner.ownership.retry(entry, delay_s=0, attempts=1, deaths=1) == "OK"
    sweep()
    (again,) = owner.take()
    assert owner.ownership.retry(again, delay_s=0, attempts=2, deaths=1) == "OK"
    sweep()
    (third,) = owner.take()

    own = {b"attempts", b"deaths", b"first_seen_at", b"lane"}
    assert {name: value for name, value in third.fields.items() if name not in own} == entry.fields
    assert third.fields[b"first_seen_at"] == again.fields[b"first_seen_at"]
    assert (third.lane, third.fields[b"attempts"], third.fields[b"lane"]) == ("retry", b"2", b"backlog")
    assert client.xlen(keys.stream("backlog")) == client.zcard(keys.delayed) == 0


def test_a_retry_waits_until_it_is_due(consumer, send, sweep, client, keys):
    send("a")
    owner = consumer("owner")
    (entry,) = owner.take()
    owner.ownership.retry(entry, delay_s=60, attempts=1, deaths=0)

    assert sweep() is False
    assert client.zcard(keys.delayed) == 1


def test_a_retry_with_a_field_repeated_thousands_of_times_comes_back(client, consumer, keys, sweep):
    client.xadd(keys.stream("live"), {"url": "http://127.0.0.1:1/x"})
    client.execute_command(
        "XADD", keys.stream("live"), "*", *(["url", "http://127.0.0.1:1/a"] * 9000), "url", "http://127.0.0.1:1/b"
    )  # fmt: skip
    owner = consumer("owner")
    for entry in owner.take():
        owner.ownership.retry(entry, delay_s=0, attempts=1, deaths=0)

    sweep()

    assert [entry.fields[b"url"][-2:] for entry in owner.take()] == [b"/x", b"/b"]


@pytest.mark.parametrize("end", ["retry", "fail"])
def test_an_entry_that_somebody_deleted_is_gone(client, consumer, send, end):
    send("a")
    owner = consumer("owner")
    (entry,) = owner.take()
    client.xdel(entry.stream, entry.id)

    ownership = owner.ownership
    told = (
        ownership.retry(entry, delay_s=0, attempts=1, deaths=0)
        if end == "retry"
        else ownership.fail(entry, image_id="a", reason="tls", detail="", attempts=1, keep=10)
    )

    assert told == "GONE"
    assert _pending(client, entry.stream) == []


def test_a_failure_holds_the_entry_whole_with_its_reason(client, consumer, send, keys):
    send("a", source="s")
    owner = consumer("owner")
    (entry,) = owner.take()

    told = owner.ownership.fail(entry, image_id="a", reason="tls", detail="why", attempts=3, keep=10)

    ((_, failure),) = client.xrange(keys.failures)
    assert told == "OK"
    assert failure.pop(b"failed_at").isdigit()
    assert failure == {
        **entry.fields,
        b"stream": b"images:live",
        b"reason": b"tls",
        b"detail": b"why",
        b"attempts": b"3",
    }
    assert client.xlen(entry.stream) == 0


def test_a_failure_of_thousands_of_fields_is_kept_in_one(client, consumer, keys):
    fields = [f"n{at}" if at % 2 == 0 else "v" for at in range(12_000)]
    client.execute_command("XADD", keys.stream("live"), "*", *fields)
    owner = consumer("owner")
    (entry,) = owner.take()

    assert (
        owner.ownership.fail(entry, image_id=None, reason="bad_entry", detail="", attempts=1, keep=9) == "OK"
    )

    ((_, failure),) = client.xrange(keys.failures)
    assert json.loads(failure[b"fields"]) == fields


def test_a_recorded_image_never_goes_to_failures(client, consumer, send, keys):
    send("a", id="one")
    owner = consumer("owner")
    (entry,) = owner.take()
    owner.record(entry)

    told = owner.ownership.fail(entry, image_id="one", reason="timed_out", detail="", attempts=1, keep=9)

    assert told == "RECORDED"
    assert client.xlen(keys.failures) == 0
    assert len(_pending(client, entry.stream)) == 1


def test_an_id_conflict_fails_although_the_id_is_recorded(client, consumer, send, keys):
    send("a", id="one")
    owner = consumer("owner")
    (entry,) = owner.take()
    owner.record(entry)

    assert owner.ownership.fail(
        entry, image_id="one", reason="id_conflict", detail="", attempts=1, keep=9
    ) == "OK"  # fmt: skip


def test_burying_a_consumer_frees_what_it_held_and_removes_it_when_it_holds_nothing(
    client, scripts, keys, consumer, send
):
    for at in range(3):
        send(str(at))
    dead = consumer("dead")
    dead.take()
    streams = [keys.stream(lane) for lane in LANES]

    assert scripts.call("bury", streams, ["dead", 30_000]) == [b"OK", 3]
    taken = consumer("taker").take()
    assert [entry.delivery for entry in taken] == [2, 2, 2]
    assert scripts.call("bury", streams, ["dead", 30_000]) == [b"OK", 0]
    names = [row["name"] for row in client.xinfo_consumers(keys.stream("live"), "workers")]
    assert names == [b"taker"]


def test_a_sweep_tells_whether_entries_wait(consumer, abandon, send, sweep):
    assert sweep() is False
    send("a")
    assert sweep() is True
    owner = consumer("owner")
    (entry,) = owner.take()
    assert sweep() is False
    abandon(entry, owner)
    assert sweep() is True


def test_a_sweep_drops_idle_consumers_and_never_one_that_holds_an_entry(
    client, scripts, keys, consumer, send
):
    send("a")
    consumer("holder").take()
    consumer("idle").take()

    scripts.call(
        "sweep",
        [keys.delayed, keys.workers, *(keys.stream(lane) for lane in ("retry", "live", "backlog"))],
        [30_000, 100, -1, "", 30_000],
    )

    names = [row["name"] for row in client.xinfo_consumers(keys.stream("live"), "workers")]
    assert names == [b"holder"]
