"""Which addresses a download may reach, whatever spells or resolves to them."""

import socket
from dataclasses import replace

import pytest

from tests.fetching import LIMITS, SPELLINGS_OF_LOOPBACK, error_of
from tests.scripted_host import ScriptedHost, answer
from worker.errors import BadEntryError, RefusedAddressError, RefusedSchemeError, UnreachableError
from worker.fetch import Fetcher
from worker.fetching.addresses import Endpoint


def test_a_proxy_of_the_environment_is_not_asked(fetcher, canary, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, canary.url)
    with ScriptedHost(answer(b"x")) as host:
        assert fetcher.fetch(host.url) == b"x"

    assert canary.connections == 0


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
