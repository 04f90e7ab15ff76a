"""The ways in which libcurl ends a request in, errors of ours out.

Its texts are left out: they may hold what a host sent.
"""

import pycurl

from worker.errors import (
    BadEntryError,
    ImageError,
    TimedOutError,
    TlsError,
    UnreachableError,
)
from worker.fetching.targets import Target

E_TOO_LARGE = 100
"""Not named by pycurl."""

TLS = {
    pycurl.E_PEER_FAILED_VERIFICATION: "has a certificate that is not accepted",
    pycurl.E_SSL_CIPHER: "has no cipher in common with us",
    pycurl.E_SSL_CERTPROBLEM: "asks for a client certificate",
    pycurl.E_SSL_INVALIDCERTSTATUS: "has a certificate that was revoked",
    pycurl.E_SSL_ISSUER_ERROR: "has a certificate of an unknown issuer",
}
UNREACHABLE = {
    pycurl.E_UNSUPPORTED_PROTOCOL: "answered something other than HTTP",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "answered something other than HTTP",
    pycurl.E_COULDNT_RESOLVE_HOST: "has a name that is not resolved",
    pycurl.E_COULDNT_CONNECT: "cannot be connected to",
    pycurl.E_PARTIAL_FILE: "ended its answer early",
    pycurl.E_GOT_NOTHING: "closed the connection without an answer",
    pycurl.E_SEND_ERROR: "closed the connection",
    pycurl.E_RECV_ERROR: "closed the connection, or sent what is no HTTP",
    pycurl.E_BAD_CONTENT_ENCODING: "sent an encoding that cannot be undone",
    E_TOO_LARGE: "sent headers beyond any measure",
}


def translate(code: int, *, is_cut: bool, target: Target) -> ImageError:
    """Give the error for libcurl's `code`; `is_cut` where the network, not the peer's TLS, ended a handshake."""
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return TimedOutError(target.shows("cannot be connected to in time"), host=target.host)
    if code in TLS:
        return TlsError(target.shows(TLS[code]))
    if code == pycurl.E_SSL_CONNECT_ERROR:
        if is_cut:
            return UnreachableError(target.shows("closed the connection during TLS"), host=target.host)
        return TlsError(target.shows("does not speak a TLS that is accepted"))
    if code == pycurl.E_URL_MALFORMAT:
        return BadEntryError(target.shows("cannot be parsed"))
    what = UNREACHABLE.get(code, f"could not be downloaded (libcurl {code})")
    return UnreachableError(target.shows(what), host=target.host)
