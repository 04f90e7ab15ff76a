"""Reading alerts as a bystander: pages, positions by entry, by event and by date."""

import json

import pytest

from worker.reading.alert_log import BEGINNING, AlertLog


@pytest.fixture
def log(client, keys):
    return AlertLog(client, keys=keys)


@pytest.fixture
def publish(client, keys):
    """Publishes alerts with the ids 0, 1, 2 …, one each ten milliseconds from 1,000 on."""

    def write(count):
        for number in range(count):
            client.xadd(keys.alerts, {"event": json.dumps({"id": str(number)})}, id=f"{1000 + 10 * number}-0")

    return write


def _ids(log, position):
    return [int(alert.event["id"]) for alert in log.read(position)]


def test_all_that_is_kept_is_read_in_order_over_many_pages(log, publish):
    publish(250)

    assert _ids(log, BEGINNING) == list(range(250))


@pytest.mark.parametrize("number", [0, 99, 100, 149, 150, 249])
def test_reading_goes_on_after_any_event(log, publish, number):
    publish(250)

    assert _ids(log, log.position_of(str(number))) == list(range(number + 1, 250))


def test_an_event_that_is_not_kept_has_no_position(log, publish):
    publish(250)

    assert log.position_of("250") is None


@pytest.mark.parametrize(("moment_ms", "first"), [(0, 0), (1000, 0), (1001, 1), (1010, 1), (2000, 100)])
def test_reading_begins_at_a_moment_that_moment_included(log, publish, moment_ms, first):
    publish(100)

    assert _ids(log, log.position_at(moment_ms)) == list(range(first, 100))


def test_the_end_is_where_the_next_alert_comes(log, publish, client, keys):
    assert log.end() == BEGINNING
    publish(3)
    end = log.end()

    assert not log.wait(end, timeout_s=0.01)
    client.xadd(keys.alerts, {"event": json.dumps({"id": "3"})})
    assert log.wait(end, timeout_s=5)
    assert _ids(log, end) == [3]
