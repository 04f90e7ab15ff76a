"""Hosts that are slow, broken or hostile end a download in time and within its limits."""

import contextlib
import gzip
import socket
import struct
import threading
from pathlib import Path

import pytest

from tests.fetching import LIMITS, error_of
from tests.scripted_host import ScriptedHost, answer, trickle
from worker.errors import HttpStatusError, ImageError, TimedOutError, TooLargeError, UnreachableError


def test_a_body_without_end_is_given_up_at_its_limit(fetcher):
    sent = 0

    def script(connection, _request):
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent += connection.send(b"x" * 10_000)

    with ScriptedHost(script) as host:
        assert isinstance(error_of(fetcher, host.url), TooLargeError)

    assert sent < 10_000_000  # what fits into socket buffers


def test_an_announced_size_beyond_the_limit_is_not_read(fetcher):
    with ScriptedHost(answer(b"x" * 10, length=10 * 2**30)) as host:
        assert isinstance(error_of(fetcher, host.url), TooLargeError)


@pytest.mark.parametrize("size", [99_999, 100_000, 100_001])
@pytest.mark.parametrize("form", ["length", "chunked", "close"])
def test_the_limit_of_bytes_is_exact(fetcher, size, form):
    body = b"x" * size
    if form == "length":
        response = answer(body)
    elif form == "chunked":
        response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
            size,
            body,
        )
    else:
        response = b"HTTP/1.1 200 OK\r\n\r\n" + body

    def script(connection, _request):
        connection.sendall(response)
        if form == "close":
            connection.shutdown(socket.SHUT_RDWR)

    with ScriptedHost(script) as host:
        if size <= LIMITS.max_bytes:
            assert fetcher.fetch(host.url) == body
        else:
            assert isinstance(error_of(fetcher, host.url), TooLargeError)


@pytest.mark.parametrize("value", ["-1", "abc", "9" * 40, "", "5, 6"])
def test_a_senseless_content_length_harms_nobody(fetcher, value):
    with (
        ScriptedHost(f"HTTP/1.1 200 OK\r\nContent-Length: {value}\r\n\r\nhello".encode()) as host,
        contextlib.suppress(ImageError),
    ):
        assert fetcher.fetch(host.url) == b"hello"


@pytest.mark.parametrize("place", ["status", "headers", "body", "chunks", "redirect"])
def test_a_host_that_trickles_is_given_up_at_the_deadline(fetcher, place):
    starts = {
        "status": b"",
        "headers": b"HTTP/1.1 200 OK\r\n",
        "body": b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n",
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "redirect": b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 90000\r\n\r\n",
    }

    def script(connection, _request):
        connection.sendall(starts[place])
        trickle(host, connection, b"1\r\nx\r\n" if place == "chunks" else b"X-A: b\r\n", every_s=0.1)

    with ScriptedHost(script) as host:
        assert isinstance(error_of(fetcher, host.url), TimedOutError | UnreachableError)


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"]
)
def test_a_host_that_falls_silent_is_given_up(fetcher, sent):
    def script(connection, _request):
        connection.sendall(sent)
        host.stop.wait()

    with ScriptedHost(script) as host:
        assert isinstance(error_of(fetcher, host.url), TimedOutError)


def test_a_host_that_never_accepts_is_given_up(fetcher):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        # A full queue of connections: the next one is never answered.
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.settimeout(0)
            one.connect_ex(listener.getsockname())

        error = error_of(fetcher, f"http://127.0.0.1:{listener.getsockname()[1]}/")

        for one in crowd:
            one.close()
    assert isinstance(error, TimedOutError)


def test_a_name_server_that_hangs_is_given_up(fetcher, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: over.wait() and [])

    error = error_of(fetcher, "http://slow.example/")

    over.set()
    assert isinstance(error, TimedOutError)


def test_a_name_that_is_unknown_may_come(fetcher, monkeypatch):
    def fail(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    assert isinstance(error_of(fetcher, "http://unknown.example/"), UnreachableError)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, gzip"])
def test_a_compressed_body_is_never_expanded(fetcher, encoding):
    bomb = b"\x1f\x8b" + b"\x00" * 1000
    with ScriptedHost(answer(bomb, headers=(f"Content-Encoding: {encoding}",))) as host:
        assert fetcher.fetch(host.url) == bomb


def test_a_transfer_encoding_bomb_stays_within_the_limit(fetcher):
    bomb = gzip.compress(bytes(50_000_000))

    def script(connection, _request):
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
            % (len(bomb), bomb)
        )

    with ScriptedHost(script) as host:
        assert error_of(fetcher, host.url).reason in {"too_large", "unreachable"}


@pytest.mark.parametrize(
    "header",
    [b"X: " + b"a" * 1_000_000, b"\r\n".join(b"X-%d: y" % number for number in range(50_000))],
    ids=["one", "many"],
)
def test_a_megabyte_of_headers_is_refused(fetcher, header):
    with ScriptedHost(b"HTTP/1.1 200 OK\r\n" + header + b"\r\nContent-Length: 1\r\n\r\nx") as host:
        assert isinstance(error_of(fetcher, host.url), UnreachableError)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x89PNG\r\n\x1a\n garbage of HTTP/0.9\r\n\r\n",
        b"<html>hello</html>\r\n\r\n",
        b"HTTP/1.1 \r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"+PONG\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA\x00B: c\r\n\r\n",
    ],
)
def test_what_is_no_http_ends(fetcher, garbage):
    def script(connection, _request):
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_RDWR)

    with ScriptedHost(script) as host:
        assert error_of(fetcher, host.url).reason in {"unreachable", "http_status", "empty_body"}


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", answer(b"x" * 10, length=5000)])
def test_a_connection_that_is_reset_is_tried_again(fetcher, sent):
    def script(connection, _request):
        connection.sendall(sent)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with ScriptedHost(script) as host:
        assert isinstance(error_of(fetcher, host.url), UnreachableError)


def test_a_closed_port_is_tried_again(fetcher):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert isinstance(error_of(fetcher, f"http://127.0.0.1:{port}/"), UnreachableError)


def test_an_error_page_without_end_is_not_read(fetcher):
    def script(connection, _request):
        connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")
        while True:
            connection.sendall(b"x" * 10_000)

    with ScriptedHost(script) as host:
        assert isinstance(error_of(fetcher, host.url), HttpStatusError)


def test_failed_downloads_leave_no_descriptor_open(fetcher):
    with ScriptedHost(answer(b"x", status=404)) as host:
        error_of(fetcher, host.url)
        before = sum(1 for _ in Path("/proc/self/fd").iterdir())
        for _ in range(20):
            error_of(fetcher, host.url)
        after = sum(1 for _ in Path("/proc/self/fd").iterdir())

    assert after <= before + 2
