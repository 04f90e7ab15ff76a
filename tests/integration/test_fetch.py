import contextlib
import gzip
import os
import socket
import struct
import threading
import time
import traceback
from dataclasses import replace
from email.utils import formatdate
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.scripted_host import ScriptedHost, answer, trickle
from worker.errors import (
    BadEntryError,
    EmptyBodyError,
    HttpStatusError,
    HttpStatusLaterError,
    ImageError,
    MissingFileError,
    RefusedAddressError,
    RefusedSchemeError,
    TimedOutError,
    TooLargeError,
    TooManyRedirectsError,
    UnreachableError,
)
from worker.fetch import Fetcher, FetchLimits
from worker.fetching.addresses import Endpoint
from worker.fetching.transfer import Transfer

LIMITS = FetchLimits(
    connect_timeout_s=1.0,
    read_timeout_s=0.6,
    download_timeout_s=1.2,
    max_bytes=100_000,
    max_redirects=3,
    file_roots=(),
    allow_networks=(ip_network("127.0.0.1/32"),),
    user_agent="lookalike-test/1 (+https://example.org/contact)",
)
LONGEST_S = LIMITS.download_timeout_s + 1
SECRETS = ("SECRET", "sesame", "alibaba")


@pytest.fixture
def fetcher():
    return Fetcher(LIMITS)


@pytest.fixture
def canary():
    """A listener that nobody may connect to."""
    with ScriptedHost(answer(b"secret of the intranet"), address="127.0.0.2") as host:
        yield host


def error_of(fetcher: Fetcher, url: str) -> ImageError:
    begun = time.monotonic()
    with pytest.raises(ImageError) as caught:
        fetcher.fetch(url)
    assert time.monotonic() - begun < LONGEST_S
    return caught.value


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


def test_a_proxy_of_the_environment_is_not_asked(fetcher, canary, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, canary.url)
    with ScriptedHost(answer(b"x")) as host:
        assert fetcher.fetch(host.url) == b"x"

    assert canary.connections == 0


SPELLINGS_OF_LOOPBACK = (
    "127.0.0.2",
    "127.2",
    "127.0.2",
    "2130706434",
    "0x7f000002",
    "0X7F000002",
    "017700000002",
    "0x7f.0.0.2",
    "0x7f.2",
    "0177.0.0.02",
    "0177.2",
    "127.0.0.0x2",
    "127.000.000.002",
    "127.0.0.2.",
    "user@127.0.0.2",
    "user:pass@127.0.0.2",
    "example.org@127.0.0.2",
    "example.org:80@127.0.0.2",
    "%31%32%37.0.0.2",
    "127。0。0。2",
    "127\uff0e0\uff0e0\uff0e2",
    "\uff11\uff12\uff17.0.0.2",
    "①②⑦.0.0.②",
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
    "[0:0:0:0:0:ffff:7f00:0002]",
    "[::127.0.0.2]",
    "[64:ff9b::127.0.0.2]",
    "[2002:7f00:2::]",
)


@pytest.mark.parametrize("spelling", SPELLINGS_OF_LOOPBACK)
def test_no_spelling_of_a_refused_address_reaches_it(fetcher, canary, spelling):
    error = error_of(fetcher, f"http://{spelling}:{canary.port}/x")

    assert isinstance(error, RefusedAddressError | BadEntryError | UnreachableError)
    assert canary.connections == 0


@pytest.mark.parametrize(
    "spelling", [one for one in SPELLINGS_OF_LOOPBACK if "%" not in one and "①" not in one and one[-1] != "."]
)
def test_a_readable_spelling_of_a_refused_address_has_its_own_reason(fetcher, canary, spelling):
    assert error_of(fetcher, f"http://{spelling}:{canary.port}/x").reason == "refused_address"


@pytest.mark.parametrize(
    "url",
    ["http:///x", "http://[::1/x", "http://a:b/", "http://a:99999/", "http://a b/", "http://" + "a" * 300],
)
def test_what_names_no_host_is_a_bad_entry(fetcher, url):
    assert isinstance(error_of(fetcher, url), BadEntryError)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "dict://127.0.0.1/",
        "data:image/png;base64,AA",
        "javascript:1",
        "x",
        "",
    ],
)
def test_another_scheme_is_refused(fetcher, url):
    assert isinstance(error_of(fetcher, url), RefusedSchemeError)


def resolving_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names resolve to one list of addresses after the other; the last stays. Gives the names asked for."""
    real, left, asked = socket.getaddrinfo, list(answers), []

    def getaddrinfo(host, port, *args, **kwargs):
        if host[0].isdigit() or ":" in host:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("host", ["intranet.example", "INTRANET.example.", "localhost", "bücher.example"])
def test_a_name_of_a_refused_address_is_refused(fetcher, canary, monkeypatch, host):
    resolving_to(monkeypatch, ["127.0.0.2"])

    assert isinstance(error_of(fetcher, f"http://{host}:{canary.port}/"), RefusedAddressError)
    assert canary.connections == 0


def test_a_name_that_changes_its_address_reaches_no_canary(canary, monkeypatch):
    # The name is looked up anew for each download: 127.0.0.1 stands for a public address, 127.0.0.2 for the target.
    monkeypatch.setattr("worker.fetching.resolving.REMEMBER_S", 0.0)
    asked = resolving_to(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    with ScriptedHost(answer(b"public", headers=("Connection: close",))) as host:
        fetcher = Fetcher(LIMITS)
        canary_port_url = f"http://rebinding.example:{canary.port}/"

        first = fetcher.fetch(f"http://rebinding.example:{host.port}/")
        second = error_of(fetcher, canary_port_url)

    assert first == b"public"
    assert isinstance(second, RefusedAddressError)
    assert len(asked) == 2
    assert canary.connections == 0


def test_only_the_permitted_addresses_of_a_name_are_asked(fetcher, canary, monkeypatch):
    resolving_to(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    with ScriptedHost(answer(b"x")) as host:
        assert fetcher.fetch(f"http://mixed.example:{host.port}/") == b"x"

    assert canary.connections == 0


def test_the_address_is_checked_at_the_moment_of_connecting(canary, monkeypatch):
    # Whatever list of addresses libcurl were given, or looked up by itself: the socket is refused.
    fetcher = Fetcher(LIMITS)
    monkeypatch.setattr(
        "worker.fetching.transfers.Transfers._permitted", lambda _self, _target, answer: answer.addresses
    )

    error = error_of(fetcher, f"http://127.0.0.2:{canary.port}/")

    assert isinstance(error, RefusedAddressError)
    assert canary.connections == 0


def test_the_services_own_server_is_refused_in_an_open_network():
    with ScriptedHost(answer(b"+PONG")) as archive:
        own = (Endpoint("localhost", archive.port),)
        fetcher = Fetcher(replace(LIMITS, refused_endpoints=lambda: own))

        error = error_of(fetcher, archive.url)

    assert isinstance(error, RefusedAddressError)
    assert archive.connections == 0


def redirect(to: str, *, status: int = 302) -> bytes:
    return answer(b"moved", status=status, headers=(f"Location: {to}",))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("form", ["{url}/end", "/end", "end", "//127.0.0.1:{port}/end"])
def test_a_redirect_is_followed(fetcher, status, form):
    def script(connection, request):
        to = form.format(url=host.url, port=host.port)
        connection.sendall(answer(b"here") if b"/end" in request else redirect(to, status=status))

    with ScriptedHost(script) as host:
        assert fetcher.fetch(host.url + "/start") == b"here"


def test_a_redirect_to_a_refused_address_reaches_it_not(fetcher, canary):
    for spelling in SPELLINGS_OF_LOOPBACK:
        with ScriptedHost(redirect(f"http://{spelling}:{canary.port}/")) as host:
            error_of(fetcher, host.url)

    assert canary.connections == 0


@pytest.mark.parametrize(
    "to",
    [
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "data:,x",
        "dict://a/",
    ],
)
def test_a_redirect_to_another_scheme_is_refused(to):
    fetcher = Fetcher(replace(LIMITS, file_roots=(Path("/"),)))
    with ScriptedHost(redirect(to)) as host:
        assert isinstance(error_of(fetcher, host.url), RefusedSchemeError)


@pytest.mark.parametrize("to", ["http://", "http://[/", "http://a:b/", "\xff\xfe", "http://a\x01b/"])
def test_a_redirect_to_nowhere_fails(fetcher, to):
    with ScriptedHost(redirect(to)) as host:
        assert isinstance(error_of(fetcher, host.url), ImageError)


@pytest.mark.parametrize(("redirects", "passes"), [(3, True), (4, False), (30, False)])
def test_a_chain_of_redirects_has_a_limit(fetcher, redirects, passes):
    def script(connection, request):
        number = int(request.split(b"/")[1].split()[0])
        connection.sendall(answer(b"end") if number == redirects else redirect(f"/{number + 1}"))

    with ScriptedHost(script) as host:
        if passes:
            assert fetcher.fetch(host.url + "/0") == b"end"
        else:
            assert isinstance(error_of(fetcher, host.url + "/0"), TooManyRedirectsError)
            assert len(host.requests) == 4


def test_a_circle_of_redirects_ends(fetcher):
    with ScriptedHost(redirect("/")) as host:
        assert isinstance(error_of(fetcher, host.url + "/"), TooManyRedirectsError)


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


def test_an_error_page_without_end_is_not_read(fetcher):
    def script(connection, _request):
        connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")
        while True:
            connection.sendall(b"x" * 10_000)

    with ScriptedHost(script) as host:
        assert isinstance(error_of(fetcher, host.url), HttpStatusError)


@pytest.mark.parametrize(
    "response",
    [answer(b""), answer(b"", status=204), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
)
def test_a_body_without_a_byte_has_its_own_reason(fetcher, response):
    with ScriptedHost(response) as host:
        assert isinstance(error_of(fetcher, host.url), EmptyBodyError)


def test_user_info_is_sent_to_its_own_host_only(fetcher):
    with ScriptedHost(answer(b"x")) as second, ScriptedHost(redirect(second.url)) as first:
        fetcher.fetch(first.url.replace("//", "//us%40er:p%3Aw@"))

        assert b"Authorization: Basic dXNAZXI6cDp3" in first.requests[0]
        assert b"authorization" not in second.requests[0].lower()


def test_user_info_of_one_download_is_not_sent_with_the_next():
    fetcher = Fetcher(LIMITS)
    ends = []
    transfers = fetcher.transfers(
        may_keep=lambda *_: True, ended=lambda transfer, body, error: ends.append((body, error))
    )

    with ScriptedHost(answer(b"x")) as host:
        for url in (host.url.replace("//", "//user:pw@"), host.url):
            transfers.start(Transfer(url, url, urgent=False, host="127.0.0.1"))
            before = len(ends)
            while len(ends) == before:
                transfers.run_once()
    transfers.close()

    assert ends == [(b"x", None), (b"x", None)]
    assert b"Authorization" in host.requests[0]
    assert b"Authorization" not in host.requests[1]


def leaks(error: BaseException) -> list[str]:
    """Give the secrets in an error, in its chain and in what a traceback prints of it."""
    told = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    return [secret for secret in SECRETS if secret in told]


@pytest.mark.parametrize(
    "response",
    [
        answer(b"SECRET", status=404, headers=("X: SECRET",)),
        answer(b"SECRET", status=503),
        b"SECRET is no status line\r\n\r\n",
        b"HTTP/1.1 200 SECRET\r\nContent-Length: 0\r\n\r\n",
        answer(b"", status=302, headers=("Location: http://alibaba:sesame@10.0.0.1/?token=SECRET#SECRET",)),
        answer(b"", status=302, headers=("Location: ftp://alibaba:sesame@a/?token=SECRET",)),
        answer(b"", status=302, headers=("Location: http://alibaba:sesame@[/?token=SECRET",)),
        answer(b"", status=302, headers=("Location: ?token=SECRET",)),
    ],
)
def test_no_secret_of_a_url_is_in_an_error(fetcher, response):
    with ScriptedHost(response) as host:
        url = host.url.replace("//", "//alibaba:sesame@") + "/x?token=SECRET#SECRET"

        error = error_of(fetcher, url)

    assert leaks(error) == []


@pytest.mark.parametrize("host", ["10.0.0.1", "[::1]", "a b", "[", "a:b", "\udc80", "127.0.0.1:1"])
def test_no_secret_of_a_bad_url_is_in_an_error(fetcher, host):
    assert leaks(error_of(fetcher, f"http://alibaba:sesame@{host}/x?token=SECRET#SECRET")) == []


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "ä b.jpg").write_bytes(b"image")
    (root / "empty.jpg").write_bytes(b"")
    (root / "large.jpg").write_bytes(b"x" * (LIMITS.max_bytes + 1))
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "a.jpg").write_bytes(b"secret")
    (root / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (root / "inner.jpg").symlink_to(root / "ä b.jpg")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.jpg")
    return root


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("{root}/%C3%A4%20b.jpg", b"image"),
        ("{root}/ä b.jpg", b"image"),
        ("{root}/inner.jpg", b"image"),
        ("{root}/../root/inner.jpg", b"image"),
        ("{root}/empty.jpg", EmptyBodyError),
        ("{root}/large.jpg", TooLargeError),
        ("{root}/link.jpg", RefusedSchemeError),
        ("{root}/up/outside.jpg", RefusedSchemeError),
        ("{root}/../outside.jpg", RefusedSchemeError),
        ("{root}/%2e%2e/outside.jpg", RefusedSchemeError),
        ("{root}-beside/a.jpg", RefusedSchemeError),
        ("{root}/pipe.jpg", RefusedSchemeError),
        ("{root}", RefusedSchemeError),
        ("{root}/../absent.jpg", RefusedSchemeError),
        ("{root}/up/absent/a.jpg", RefusedSchemeError),
        ("/absent/a.jpg", RefusedSchemeError),
        ("/dev/zero", RefusedSchemeError),
        ("/proc/self/environ", RefusedSchemeError),
        ("{root}/missing.jpg", MissingFileError),
        ("{root}/a%00b.jpg", MissingFileError),
    ],
)
def test_a_file_is_read_below_its_root_only(folder, path, expected):
    fetcher = Fetcher(replace(LIMITS, file_roots=(folder,)))
    url = "file://" + path.format(root=folder)

    if isinstance(expected, bytes):
        assert fetcher.fetch(url) == expected
    else:
        assert type(error_of(fetcher, url)) is expected


def test_outside_of_its_root_what_exists_and_what_does_not_are_told_alike(folder):
    fetcher = Fetcher(replace(LIMITS, file_roots=(folder,)))

    there, absent = (
        error_of(fetcher, f"file://{folder.parent}/{name}.jpg") for name in ("outside", "absent")
    )

    assert str(there).replace("outside.jpg", "absent.jpg") == str(absent)


def test_no_file_is_read_without_a_root(fetcher, folder):
    assert isinstance(error_of(fetcher, f"file://{folder}/inner.jpg"), RefusedSchemeError)


def test_a_file_of_another_host_is_refused(folder):
    fetcher = Fetcher(replace(LIMITS, file_roots=(folder,)))

    assert isinstance(error_of(fetcher, f"file://evil.example{folder}/inner.jpg"), RefusedSchemeError)


def test_failed_downloads_leave_no_descriptor_open(fetcher):
    with ScriptedHost(answer(b"x", status=404)) as host:
        error_of(fetcher, host.url)
        before = sum(1 for _ in Path("/proc/self/fd").iterdir())
        for _ in range(20):
            error_of(fetcher, host.url)
        after = sum(1 for _ in Path("/proc/self/fd").iterdir())

    assert after <= before + 2
