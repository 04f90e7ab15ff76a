"""How long images take is counted with their end, and read back as quantiles."""

import random

import pytest

from worker.reading.latencies import bucket_start_ms, quantile_s, read_latencies
from worker.reading.statistics import read_counters

A = 0x00000000FFFFFFFF


def _publish(client, keys, owner, *, lane="live", waited_ms):
    """Let an image end that came so long ago; give by how much the server's clock went on meanwhile, at most."""
    seconds, micros = client.time()
    came_at = seconds * 1000 + micros // 1000 - waited_ms
    fields = {"url": "http://127.0.0.1:1/a", "id": f"{lane}-{waited_ms}", "phash": f"{A:016x}"}
    client.xadd(keys.stream(lane), fields, id=f"{came_at}-1")
    (entry,) = owner.take(lanes=(lane,))
    assert owner.publish(entry, owner.record(entry)) == "OK"
    return entry


@pytest.mark.parametrize("lane", ["live", "retry", "backlog"])
@pytest.mark.parametrize("waited_ms", [0, 90, 5000, 3_600_000, 2**31])
def test_an_image_counts_with_the_time_since_it_came(client, keys, consumer, lane, waited_ms):
    _publish(client, keys, consumer("owner"), lane=lane, waited_ms=waited_ms)

    latencies = read_latencies(client, keys)
    counts, total_ms = latencies.pop(lane)

    [(bucket, count)] = counts.items()
    assert (count, list(latencies.values())) == (1, [({}, 0), ({}, 0)])
    assert waited_ms <= total_ms <= waited_ms + 2000
    assert bucket_start_ms(bucket) <= total_ms < bucket_start_ms(bucket + 1)


def test_an_image_that_is_delivered_twice_counts_once(client, keys, consumer, abandon):
    owner, other = consumer("owner"), consumer("other")
    entry = _publish(client, keys, owner, waited_ms=50)
    client.xadd(entry.stream, entry.fields)
    (again,) = other.take()

    assert other.publish(again, other.record(again)) == "DONE"
    assert sum(read_latencies(client, keys)["live"][0].values()) == 1


def test_an_entry_with_a_made_up_id_ends_and_counts_nothing(client, keys, consumer):
    client.xadd(keys.stream("live"), {"url": "http://127.0.0.1:1/a", "phash": f"{A:016x}"}, id="1-1")
    owner = consumer("owner")
    (entry,) = owner.take()

    assert owner.publish(entry, owner.record(entry)) == "OK"
    assert read_latencies(client, keys)["live"] == ({}, 0)


def test_failures_are_counted_by_reason(client, keys, consumer, send):
    owner = consumer("owner")
    for name in "abc":
        send(name)
    for entry, reason in zip(owner.take(), ("tls", "too_large", "tls"), strict=True):
        owner.ownership.fail(entry, image_id=None, reason=reason, detail="", attempts=1, keep=100)

    counters = read_counters(client, keys)

    assert {name: count for name, count in counters.items() if name.startswith("failed:")} == {
        "failed:tls": 2,
        "failed:too_large": 1,
    }


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99])
def test_a_quantile_is_as_true_as_its_buckets(share):
    rng = random.Random(5)
    times_ms = sorted(rng.lognormvariate(5, 1.5) for _ in range(2000))
    counts = {}
    for time_ms in times_ms:
        bucket = next(at for at in range(200) if time_ms < bucket_start_ms(at + 1))
        counts[bucket] = counts.get(bucket, 0) + 1

    exact_s = times_ms[int(share * len(times_ms))] / 1000

    assert quantile_s(counts, share) == pytest.approx(exact_s, rel=0.2)


def test_of_no_image_there_is_no_quantile():
    assert quantile_s({}, 0.5) is None
    assert quantile_s({7: 0}, 0.5) is None


@pytest.mark.parametrize("damage", [{"ms": "no number"}, {"ms": str(2**63 - 1)}, None])
def test_an_alert_goes_out_whatever_lies_where_latencies_are_counted(client, keys, consumer, send, damage):
    send("a", A)
    owner = consumer("owner")
    (entry,) = owner.take()
    record = owner.record(entry)
    if damage is None:
        client.set(keys.latency("live"), "no hash")
    else:
        client.hset(keys.latency("live"), mapping=damage)

    assert owner.publish(entry, record, '{"id": 1}') == "OK"
    assert client.xlen(keys.alerts) == 1
