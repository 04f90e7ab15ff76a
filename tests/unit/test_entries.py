"""What an entry says, and what it must not say."""

import pytest

from worker.entries import Entry, History, image_facts, read_history, read_message
from worker.errors import BadEntryError


def _entry(stream_lane="live", **fields):
    encoded = {name.encode(): value.encode() for name, value in fields.items()}
    return Entry(stream_lane, f"{{test}}:images:{stream_lane}", "1-1", 1, encoded)


def test_a_retry_is_read_like_the_entry_it_was():
    retry = _entry(
        "retry", url="https://example.org/a.jpg", attempts="3", deaths="5", first_seen_at="17", lane="live"
    )

    assert read_message(retry).url == "https://example.org/a.jpg"
    assert read_history(retry) == History(attempts=3, deaths=5, first_seen_at_ms=17)


def test_only_the_retry_lane_has_a_history():
    with pytest.raises(BadEntryError, match="attempts"):
        read_message(_entry("live", url="https://example.org/a.jpg", attempts="3"))


@pytest.mark.parametrize("value", ["-1", "three", "1e9", "9" * 30])
def test_a_history_that_is_no_number_is_a_bad_entry(value):
    with pytest.raises(BadEntryError, match="deaths"):
        read_history(_entry("retry", url="https://example.org/a.jpg", deaths=value))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "url"),
        ({"url": "ftp://example.org/a.jpg"}, "scheme"),
        ({"url": "https://example.org/a.jpg", "colour": "red"}, "colour"),
        ({"url": "https://example.org/a.jpg", "scraped_at": "yesterday"}, "scraped_at"),
        ({"url": "https://example.org/a.jpg", "id": "x" * 201}, "id"),
        ({"url": "https://example.org/a.jpg", "meta": "[1]"}, "meta"),
    ],
)
def test_a_bad_entry_names_its_field(fields, named):
    with pytest.raises(BadEntryError, match=named):
        read_message(_entry(**fields))


def test_what_is_filed_is_what_was_sent():
    message = read_message(
        _entry(
            url="https://example.org/a.jpg",
            id="post-1",
            source="sharechat",
            scraped_at="2026-11-22T10:55:52.560Z",
            page_url="https://example.org/post/1",
            meta='{"likes": 3}',
        )
    )

    facts = image_facts(message, phash=5)

    assert (facts.id, facts.source, facts.scraped_at_ms, facts.meta) == (
        "post-1",
        "sharechat",
        1_795_344_952_560,
        '{"likes":3}',
    )
