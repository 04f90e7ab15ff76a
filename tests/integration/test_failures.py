"""Failures read and given another try: whole, once, and as the producer wrote them."""

import pytest
from redis.exceptions import OutOfMemoryError

from producer.messages import derived_id
from worker.reading.failures import Failure, read_failures, try_again

ADDED = {"reason": "timed_out", "detail": "it took too long", "attempts": "4", "failed_at": "1763800000000"}
URL = "https://user:pw@example.org/a.jpg?token=secret"


@pytest.fixture
def fail(client, keys):
    """Writes an entry of `failures` as fail.lua does, and gives its entry id."""

    def write(fields, *, lane="live", **added):
        return client.xadd(keys.failures, {**fields, "stream": f"images:{lane}", **ADDED, **added}).decode()

    return write


def _backlog(client, keys):
    return [fields for _, fields in client.xrange(keys.stream("backlog"))]


def test_a_failure_tells_why_and_hides_secrets(client, keys, fail):
    entry_id = fail({"url": URL, "id": "a"})

    assert list(read_failures(client, keys)) == [
        Failure(entry_id, "a", "https://example.org/a.jpg?…", "timed_out", "it took too long", 4)
    ]


def test_a_failure_without_id_is_named_by_its_url_and_one_without_url_by_nothing(client, keys, fail):
    fail({"link": "x"}, reason="bad_entry")
    fail({"url": "https://example.org/a.jpg"})

    ids = [failure.image_id for failure in read_failures(client, keys)]

    assert ids == [derived_id("https://example.org/a.jpg"), None]


def test_failures_come_latest_first_over_many_pages_and_by_reason(client, keys, fail):
    entry_ids = [fail({"url": URL}, reason=("tls", "timed_out")[at % 2]) for at in range(450)]

    assert [failure.entry_id for failure in read_failures(client, keys)] == entry_ids[::-1]
    assert [failure.entry_id for failure in read_failures(client, keys, reason="tls")] == entry_ids[-2::-2]


@pytest.mark.parametrize("lane", ["live", "backlog", "retry"])
def test_another_try_begins_with_what_the_producer_wrote(client, keys, scripts, fail, lane):
    given = {"url": URL, "id": "a", "source": "s", "meta": '{"deaths":1}'}
    history = {"deaths": "5", "first_seen_at": "1763800000000", "lane": "live"} if lane == "retry" else {}
    entry_id = fail({**given, **history}, lane=lane)

    moved = list(try_again(scripts, keys, [entry_id]))

    assert moved == [(entry_id, True)]
    assert _backlog(client, keys) == [{name.encode(): value.encode() for name, value in given.items()}]
    assert client.xlen(keys.failures) == 0


def test_a_field_that_only_the_retry_lane_has_stays_wrong_where_a_producer_wrote_it(
    client, keys, scripts, fail
):
    entry_id = fail({"url": URL, "deaths": "many"}, lane="live", reason="bad_entry")

    list(try_again(scripts, keys, [entry_id]))

    assert _backlog(client, keys) == [{b"url": URL.encode(), b"deaths": b"many"}]


def test_a_failure_is_tried_again_once(client, keys, scripts, fail):
    entry_id = fail({"url": URL})

    moved = list(try_again(scripts, keys, [entry_id, entry_id, "1-1"]))

    assert moved == [(entry_id, True), (entry_id, False), ("1-1", False)]
    assert len(_backlog(client, keys)) == 1


def test_more_failures_than_one_page_are_all_moved(client, keys, scripts, fail):
    entry_ids = [fail({"url": URL}) for _ in range(450)]

    moved = dict(try_again(scripts, keys, (failure.entry_id for failure in read_failures(client, keys))))

    assert moved == dict.fromkeys(entry_ids, True)
    assert (client.xlen(keys.failures), len(_backlog(client, keys))) == (0, 450)


def test_a_full_server_refuses_and_the_failure_stays(client, keys, scripts, fail):
    entry_id = fail({"url": URL})
    list(try_again(scripts, keys, ["1-1"]))
    client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(OutOfMemoryError):
            list(try_again(scripts, keys, [entry_id]))
    finally:
        client.config_set("maxmemory", "0")

    assert (client.xlen(keys.failures), _backlog(client, keys)) == (1, [])
