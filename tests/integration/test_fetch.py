"""What a download gives: the body, or an error that says whether another try may help."""

import os
import socket
import time
from email.utils import formatdate

import pytest

from tests.fetching import LIMITS, error_of
from tests.scripted_host import ScriptedHost, answer
from worker.errors import EmptyBodyError, HttpStatusError, HttpStatusLaterError, UnreachableError


def test_a_body_is_downloaded_whole(fetcher):
    body = os.urandom(90_000)
    with ScriptedHost(answer(body)) as host:
        assert fetcher.fetch(host.url + "/a.jpg?size=1#top") == body


def test_a_request_says_who_asks_and_wants_no_compression(fetcher):
    with ScriptedHost(answer(b"x")) as host:
        fetcher.fetch(host.url + "/ä b/%C3%A4.jpg?q=ü&r=%20")

        lines = host.requests[0].decode("ascii").split("\r\n")

    assert lines[0] == "GET /%C3%A4%20b/%C3%A4.jpg?q=%C3%BC&r=%20 HTTP/1.1"
    assert f"User-Agent: {LIMITS.user_agent}" in lines
    assert "Accept-Encoding: identity" in lines


def test_a_body_shorter_than_announced_is_tried_again(fetcher):
    def script(connection, _request):
        connection.sendall(answer(b"x" * 10, length=20))
        connection.shutdown(socket.SHUT_RDWR)

    with ScriptedHost(script) as host:
        assert isinstance(error_of(fetcher, host.url), UnreachableError)


def test_what_follows_the_announced_body_does_not_reach_the_next_download(fetcher):
    with ScriptedHost(answer(b"first") + answer(b"smuggled")) as host:
        assert fetcher.fetch(host.url + "/1") == b"first"
        assert fetcher.fetch(host.url + "/2") == b"first"


@pytest.mark.parametrize("kind", ["text/html", "image/jpeg", "application/x-sh", "\x80", ""])
def test_a_content_type_decides_nothing(fetcher, kind):
    with ScriptedHost(answer(b"body", headers=(f"Content-Type: {kind}",))) as host:
        assert fetcher.fetch(host.url) == b"body"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 418, 451, 300, 304, 305, 501, 505])
def test_a_status_that_stays_is_a_failure(fetcher, status):
    with ScriptedHost(answer(b"no", status=status)) as host:
        error = error_of(fetcher, host.url)

    assert type(error) is HttpStatusError
    assert str(status) in error.detail


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524])
def test_a_status_that_may_pass_is_tried_again(fetcher, status):
    with ScriptedHost(answer(b"later", status=status)) as host:
        error = error_of(fetcher, host.url)

    assert isinstance(error, HttpStatusLaterError)
    assert (error.status, error.retry_after_s, error.host) == (status, None, "127.0.0.1")


@pytest.mark.parametrize(
    ("value", "expected_s"),
    [
        ("7", 7),
        ("soon", None),
        ("-5", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None),
    ],
)
def test_a_host_says_when_to_come_again(fetcher, value, expected_s):
    with ScriptedHost(answer(b"", status=503, headers=(f"Retry-After: {value}",))) as host:
        error = error_of(fetcher, host.url)

    assert error.retry_after_s == (None if expected_s is None else pytest.approx(expected_s, abs=60))


def test_a_host_says_the_date_at_which_to_come_again(fetcher):
    value = formatdate(time.time() + 600, usegmt=True)

    with ScriptedHost(answer(b"", status=503, headers=(f"Retry-After: {value}",))) as host:
        error = error_of(fetcher, host.url)

    assert error.retry_after_s == pytest.approx(600, abs=60)


@pytest.mark.parametrize(
    "response",
    [answer(b""), answer(b"", status=204), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
)
def test_a_body_without_a_byte_has_its_own_reason(fetcher, response):
    with ScriptedHost(response) as host:
        assert isinstance(error_of(fetcher, host.url), EmptyBodyError)
