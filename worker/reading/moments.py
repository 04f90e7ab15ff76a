"""Reads the moments that people type: a date, or a date and time, in UTC unless they say otherwise."""

from datetime import UTC, datetime, timedelta

DAY_LENGTH = 10
"""Characters of `2026-11-22`: longer texts name a time too."""


def parse_since(text: str) -> int:
    """Give the first moment of `text` in ms since 1970: a date begins at midnight.

    Raises:
        ValueError: `text` is neither a date nor a date and time.
    """
    return _parse(text)[0]


def parse_until(text: str) -> int:
    """Give the end of `text` in ms since 1970, not included: a date ends with the day.

    Raises:
        ValueError: `text` is neither a date nor a date and time.
    """
    return _parse(text)[1]


def _parse(text: str) -> tuple[int, int]:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        length = timedelta(days=1) if len(text) <= DAY_LENGTH else timedelta(0)
        return _milliseconds(moment), _milliseconds(moment + length)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no date: write 2026-11-22, or 2026-11-22T10:00:00, with +05:30 where it is not UTC"
        ) from None


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
