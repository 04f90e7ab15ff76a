"""`check` finds nothing in a healthy archive, and each kind of damage in a damaged one."""

import pytest

from worker.reading.checking import check_archive

A = 0x00000000FFFFFFFF


@pytest.fixture
def filed(consumer, send):
    """Two images of one cluster and one of another, recorded and published; one more entry in hand, one waiting."""
    for name, phash in (("a", A), ("b", A), ("c", A << 32)):
        send(name, phash)
    owner = consumer("owner")
    for entry in owner.take():
        owner.publish(entry, owner.record(entry))
    send("d", A)
    owner.take()
    send("e", A)
    return owner


@pytest.fixture
def found(client, keys):
    return lambda: {finding.name: finding.count for finding in check_archive(client, keys) if finding.count}


def test_a_healthy_archive_has_no_finding(filed, found):
    assert found() == {}


def test_an_empty_archive_has_no_finding(uuid, found):
    assert found() == {}


def test_an_entry_whose_consumer_was_removed_by_hand_is_found(filed, client, keys, found):
    client.xgroup_delconsumer(keys.stream("live"), "workers", "owner")

    assert found() == {"entries_out_of_reach": 1}


def test_a_missing_record_is_found(filed, client, keys, found):
    client.hdel(keys.records(1), "1")

    assert found() == {"members_without_record": 1, "numbers_without_record": 1}


def test_a_record_with_another_hash_is_found(filed, client, keys, found):
    client.sadd(keys.cluster(A << 32), "1")

    assert found() == {"members_without_record": 1}


def test_a_missing_cluster_is_found(filed, client, keys, found):
    client.delete(keys.cluster(A << 32))

    assert found() == {"rows_without_cluster": 1}


def test_a_log_that_was_cut_short_is_found(filed, client, keys, found):
    client.set(keys.segment(0), client.getrange(keys.segment(0), 0, 7))

    assert found() == {"clusters_without_row": 1}


def test_a_row_that_is_there_twice_is_found(filed, client, keys, found):
    client.append(keys.segment(0), A.to_bytes(8, "big"))
    client.hincrby(keys.counters, "rows", 1)

    assert found() == {"rows_twice": 1}


def test_a_changed_segment_is_found(filed, client, keys, found):
    client.hset(keys.counters, "rows", 65536)
    client.hset(keys.seals, "0", "0" * 40)

    assert found()["seals_broken"] == 1
