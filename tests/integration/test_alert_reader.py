"""Reading alerts in a consumer group: at least once, always the same, and told when something was missed."""

import json

import pytest

from producer.server import connect
from worker.alerts import AlertReader

STREAM = "{test}:alerts"


def _publish(client, *numbers):
    for number in numbers:
        client.xadd(STREAM, {"event": json.dumps({"id": number})})


def _numbers(alerts):
    return [alert.event["id"] for alert in alerts]


@pytest.fixture
def desk(server):
    """A connection with the rights of those who act on alerts."""
    with connect(server.url_as("consumer")) as connection:
        yield connection


@pytest.fixture
def reader(desk):
    return AlertReader(desk, archive="test", group="desk", consumer="a", take_over_after_s=0.05)


def test_a_group_reads_all_that_is_kept_and_then_what_comes(client, reader):
    _publish(client, 1, 2)
    first = reader.read(wait_s=0.01)
    reader.acknowledge(first)
    _publish(client, 3)

    second = reader.read(wait_s=0.01)

    assert (_numbers(first), _numbers(second)) == ([1, 2], [3])


def test_an_acknowledged_alert_is_never_read_again(client, reader):
    _publish(client, 1)
    reader.acknowledge(reader.read(wait_s=0.01))

    assert reader.read(wait_s=0.1) == []


def test_what_a_dead_reader_left_is_read_by_another_one(client, desk, reader):
    _publish(client, 1, 2)
    left = reader.read(wait_s=0.01)
    other = AlertReader(desk, archive="test", group="desk", consumer="b", take_over_after_s=0.05)

    taken = []
    while not taken:
        taken = other.read(wait_s=0.02)

    assert taken == left


def test_a_group_that_kept_pace_has_missed_nothing(client, reader):
    reader.read(wait_s=0.01)
    _publish(client, 1, 2, 3)
    reader.read(limit=1, wait_s=0.01)

    reader.read(wait_s=0.01)

    assert reader.missed == 0


@pytest.mark.parametrize("read_before", [0, 2])
def test_the_trim_that_passed_a_group_is_told(client, reader, read_before):
    reader.read(wait_s=0.01)
    _publish(client, *range(10))
    if read_before:
        reader.read(limit=read_before, wait_s=0.01)
    client.xtrim(STREAM, maxlen=4, approximate=False)

    rest = reader.read(wait_s=0.01)

    assert _numbers(rest) == [6, 7, 8, 9]
    assert reader.missed == 6 - read_before
    reader.read(wait_s=0.01)
    assert reader.missed == 6 - read_before


def test_what_a_dead_reader_left_and_the_trim_took_is_missed(client, desk, reader):
    _publish(client, 1, 2, 3)
    reader.read(wait_s=0.01)
    client.xtrim(STREAM, maxlen=1, approximate=False)
    other = AlertReader(desk, archive="test", group="desk", consumer="b", take_over_after_s=0.05)

    taken = []
    while not taken:
        taken = other.read(wait_s=0.02)

    assert (_numbers(taken), other.missed) == ([3], 2)
