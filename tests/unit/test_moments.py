"""The moments that people type."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.reading.moments import parse_since, parse_until

DAY = datetime(2026, 11, 22, tzinfo=UTC)
HOUR_10 = DAY + timedelta(hours=10)


def _ms(moment):
    return int(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-22", DAY, DAY + timedelta(days=1)),
        ("20261122", DAY, DAY + timedelta(days=1)),
        ("2026-11-22T10:00", HOUR_10, HOUR_10),
        ("2026-11-22 10:00:00", HOUR_10, HOUR_10),
        ("2026-11-22T10:00:00Z", HOUR_10, HOUR_10),
        ("2026-11-22T15:30:00+05:30", HOUR_10, HOUR_10),
        (
            "2026-11-22T10:00:00.123Z",
            HOUR_10 + timedelta(milliseconds=123),
            HOUR_10 + timedelta(milliseconds=123),
        ),
    ],
)
def test_a_date_is_the_whole_day_and_a_time_is_itself(text, since, until):
    assert (parse_since(text), parse_until(text)) == (_ms(since), _ms(until))


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "22.11.2026", "1763800000", "9999-12-31"])
def test_what_is_no_date_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="is no date: write 2026-11-22"):
        parse_until(text)
