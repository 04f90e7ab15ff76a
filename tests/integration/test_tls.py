import socket
import ssl
import struct
import threading
from ipaddress import ip_network
from pathlib import Path

import pytest
from scripted_host import ScriptedHost, answer

from worker.errors import RefusedAddressError, TimedOutError, TlsError, UnreachableError
from worker.fetch import Fetcher, FetchLimits

CERTIFICATES = Path(__file__).parent.parent / "data" / "tls"
LIMITS = FetchLimits(
    connect_timeout_s=1.0,
    read_timeout_s=1.0,
    download_timeout_s=2.0,
    max_bytes=100_000,
    max_redirects=3,
    file_roots=(),
    allow_networks=(ip_network("127.0.0.1/32"),),
    user_agent="lookalike-test/1",
)


@pytest.fixture
def fetcher(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "authority.pem"))
    return Fetcher(LIMITS)


def https_host(certificate: str, *, version: ssl.TLSVersion | None = None) -> ScriptedHost:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
    if version is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
    return ScriptedHost(answer(b"image"), tls=context)


def https(host: ScriptedHost) -> str:
    return f"https://127.0.0.1:{host.port}/x"


def test_a_host_with_a_good_certificate_is_downloaded_from(fetcher):
    with https_host("good") as host:
        assert fetcher.fetch(https(host)) == b"image"


@pytest.mark.parametrize("certificate", ["self-signed", "expired", "other-name"])
def test_a_bad_certificate_is_a_failure(fetcher, certificate):
    with https_host(certificate) as host, pytest.raises(TlsError):
        fetcher.fetch(https(host))

    assert host.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_an_outdated_tls_is_a_failure(fetcher):
    with https_host("good", version=ssl.TLSVersion.TLSv1_1) as host, pytest.raises(TlsError):
        fetcher.fetch(https(host))


def test_a_host_that_speaks_no_tls_is_a_failure(fetcher):
    # A TLS record begins with 0x16 and holds no empty line: the script answers whatever comes first.
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                connection.recv(65536)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(TlsError):
            fetcher.fetch(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()


@pytest.mark.parametrize("ends", ["close", "reset", "silence"])
def test_a_handshake_that_is_cut_is_tried_again(fetcher, ends):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def serve():
            connection, _ = listener.accept()
            with connection:
                if ends == "silence":
                    over.wait()
                    return
                connection.recv(65536)
                if ends == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(UnreachableError if ends != "silence" else TimedOutError):
            fetcher.fetch(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        over.set()
        thread.join()


def test_a_redirect_from_https_to_a_refused_address_reaches_it_not(fetcher):
    with ScriptedHost(answer(b"x"), address="127.0.0.2") as canary:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / "good.pem")
        to = answer(b"", status=302, headers=(f"Location: {canary.url}",))
        with ScriptedHost(to, tls=context) as host, pytest.raises(RefusedAddressError):
            fetcher.fetch(https(host))

    assert canary.connections == 0


def test_the_authorities_of_the_system_do_not_vouch_for_a_strangers_certificate():
    with https_host("good") as host, pytest.raises(TlsError):
        Fetcher(LIMITS).fetch(https(host))
