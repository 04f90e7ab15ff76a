"""Redirects are followed by the rules of the first request, and not for ever."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fetching import LIMITS, SPELLINGS_OF_LOOPBACK, error_of, redirect
from tests.scripted_host import ScriptedHost, answer
from worker.errors import ImageError, RefusedSchemeError, TooManyRedirectsError
from worker.fetch import Fetcher


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
