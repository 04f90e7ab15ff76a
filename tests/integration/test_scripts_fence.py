"""The fence: a consumer that lost an entry changes nothing, with any script, and is told so."""

import pytest

from worker.clusters import NotFiled


@pytest.fixture
def stolen(consumer, abandon, send):
    """An entry that `sleeper` took first and `taker` holds now, as each of them was handed it."""
    send("a")
    sleeper, taker = consumer("sleeper"), consumer("taker")
    (old,) = sleeper.take()
    abandon(old, sleeper)
    (new,) = taker.take()
    return sleeper, old, taker, new


def _dump(client):
    return {
        key: client.dump(key)
        for key in client.scan_iter("*")
        if b":images:" not in key and b"wake" not in key
    }


def test_a_taker_is_given_the_next_delivery_number(stolen):
    _, old, _, new = stolen

    assert (old.delivery, new.delivery, new.id, new.fields) == (1, 2, old.id, old.fields)


@pytest.mark.parametrize("step", ["record", "publish", "retry", "fail", "give_back"])
def test_a_step_of_the_former_owner_changes_nothing(stolen, client, step):
    sleeper, old, taker, new = stolen
    record = taker.record(new)
    before = _dump(client), client.xpending_range(new.stream, "workers", "-", "+", 10)

    told = {
        "record": lambda: sleeper.record(old),
        "publish": lambda: sleeper.publish(old, record, "{}"),
        "retry": lambda: sleeper.ownership.retry(old, delay_s=0, attempts=1, deaths=0),
        "fail": lambda: sleeper.ownership.fail(
            old, image_id="x", reason="tls", detail="", attempts=1, keep=10
        ),
        "give_back": lambda: sleeper.ownership.give_back([old]),
    }[step]()

    after = _dump(client), client.xpending_range(new.stream, "workers", "-", "+", 10)
    assert told in (NotFiled.LOST, "LOST", None)
    assert after[0] == before[0]
    assert [(row["consumer"], row["times_delivered"]) for row in after[1]] == [(b"taker", 2)]
    assert after[1][0]["time_since_delivered"] < 30_000


def test_a_renewal_tells_the_former_owner_what_it_lost(stolen):
    sleeper, old, taker, new = stolen

    assert sleeper.ownership.renew([old]) == {(old.stream, old.id)}
    assert taker.ownership.renew([new]) == set()


def test_the_same_consumer_with_an_older_delivery_number_is_refused(consumer, abandon, send):
    send("a")
    owner = consumer("owner")
    (first,) = owner.take()
    abandon(first, owner)
    (second,) = owner.take()

    assert owner.ownership.retry(first, delay_s=0, attempts=1, deaths=0) == "LOST"
    assert owner.ownership.retry(second, delay_s=0, attempts=1, deaths=0) == "OK"


def test_an_entry_without_a_group_belongs_to_nobody(consumer, send, client):
    send("a")
    owner = consumer("owner")
    (entry,) = owner.take()
    client.xgroup_destroy(entry.stream, "workers")

    assert owner.ownership.retry(entry, delay_s=0, attempts=1, deaths=0) == "LOST"
    assert client.xlen(entry.stream) == 1
