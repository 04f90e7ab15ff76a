"""One request on one libcurl handle: its options, and what arrives."""

import socket
import ssl
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pycurl

from worker.errors import ImageError, RefusedAddressError, TooLargeError, UnreachableError
from worker.fetching.addresses import AddressRules, Endpoint, no_endpoints
from worker.fetching.targets import Target

HEADER_BYTES = 65_536
DRAIN_BYTES = 16_384
"""An error page or a redirect of this size is read to its end, so that its connection can be used again."""

AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat
    "/etc/ssl/cert.pem",  # macOS, BSD
)

ABORT = -1
"""What a callback of libcurl returns to end the request."""


@dataclass(frozen=True)
class FetchLimits:
    """What one download may cost, and whom it may ask."""

    connect_timeout_s: float
    read_timeout_s: float
    download_timeout_s: float
    max_bytes: int
    max_redirects: int
    file_roots: tuple[Path, ...]
    allow_networks: tuple[IPv4Network | IPv6Network, ...]
    user_agent: str
    refused_endpoints: Callable[[], Collection[Endpoint]] = no_endpoints


@dataclass(eq=False)
class Transfer:
    """One download, from its URL to its end, over all its redirects."""

    key: Hashable
    url: str = field(repr=False)
    urgent: bool
    host: str
    """The host that `url` names, empty for a file: whose manners count."""
    deadline: float = 0.0
    quiet_until: float = 0.0
    paused_at: float | None = None
    target: Target | None = None
    visited: set[str] = field(default_factory=set, repr=False)
    hand: "Hand | None" = None
    is_over: bool = False
    is_forgotten: bool = False


def _authorities() -> str:
    """Give the file of the authorities that this machine trusts; `SSL_CERT_FILE` names another.

    The libcurl inside the wheel looks where the machine that built it has them.
    """
    found = ssl.get_default_verify_paths().cafile
    return found or next((path for path in AUTHORITIES if Path(path).is_file()), AUTHORITIES[0])


class _LentSocket(socket.socket):
    """A socket that pycurl duplicates and drops: its own descriptor is closed at that moment."""

    def __del__(self) -> None:
        self.close()


class Hand:
    """A libcurl handle, used for one request after another."""

    def __init__(
        self, limits: FetchLimits, rules: AddressRules, *, may_keep: Callable[[Transfer, int], bool]
    ) -> None:
        self._limits = limits
        self._rules = rules
        self._may_keep = may_keep
        self.transfer: Transfer | None = None
        self.curl = curl = pycurl.Curl()
        set_option = curl.setopt
        set_option(pycurl.NOSIGNAL, 1)
        set_option(pycurl.PROXY, "")  # an empty string also overrules the environment
        set_option(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        set_option(pycurl.FOLLOWLOCATION, 0)
        set_option(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        set_option(pycurl.HTTP09_ALLOWED, 0)
        set_option(pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC)
        set_option(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        set_option(pycurl.CONNECTTIMEOUT_MS, int(limits.connect_timeout_s * 1000))
        set_option(pycurl.USERAGENT, limits.user_agent)
        set_option(pycurl.HTTPHEADER, ["Accept: image/*,*/*;q=0.1", "Accept-Encoding: identity"])
        set_option(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        set_option(pycurl.HEADERFUNCTION, self._take_header)
        set_option(pycurl.WRITEFUNCTION, self._take_body)
        set_option(pycurl.CAINFO, _authorities())

    def begin(self, transfer: Transfer, target: Target, addresses: tuple[str, ...]) -> None:
        """Prepare the request of `target`, whose host has these `addresses`."""
        self.transfer = transfer
        self.status = 0
        self.failure: ImageError | None = None
        self.refusal: RefusedAddressError | None = None
        self.location: str | None = None
        self.blocks: list[bytes] = []
        self.size = 0
        self._target = target
        self._header_bytes = 0
        curl = self.curl
        curl.setopt(pycurl.URL, target.url)
        told = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
        curl.setopt(pycurl.RESOLVE, [f"+{target.host}:{target.port}:{told}"])
        if target.user is None:
            curl.unsetopt(pycurl.USERPWD)
        else:
            curl.setopt(pycurl.USERNAME, target.user)
            curl.setopt(pycurl.PASSWORD, target.password)

    @property
    def is_success(self) -> bool:
        """Tell whether the last status is one that comes with an image."""
        return 200 <= self.status < 300  # noqa: PLR2004  # the classes of HTTP

    def _open_socket(
        self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]
    ) -> socket.socket | int:
        family, kind, protocol, (ip, port, *_) = address
        try:
            self._rules.check(ip, port)
        except RefusedAddressError as error:
            self.refusal = error
            return int(pycurl.SOCKET_BAD)
        return _LentSocket(family, kind, protocol)

    def _take_header(self, line: bytes) -> int | None:
        assert self.transfer is not None  # noqa: S101  # for the type checker
        self.transfer.quiet_until = time.monotonic() + self._limits.read_timeout_s
        self._header_bytes += len(line)
        if self._header_bytes > HEADER_BYTES:
            self.failure = UnreachableError(
                self._target.shows(f"sent more than {HEADER_BYTES} bytes of headers"), host=self._target.host
            )
            return ABORT
        if line.startswith(b"HTTP/"):
            self.status = int(line.split(None, 2)[1])
            self.location = None
        elif line[:9].lower() == b"location:":
            self.location = line[9:].strip().decode("utf-8", "replace")
        elif line[:15].lower() == b"content-length:" and self.is_success:
            announced = line[15:].strip()
            if announced.isdigit() and int(announced[:20]) > self._limits.max_bytes:
                self.failure = self._too_large()
                return ABORT
        return None

    def _take_body(self, data: bytes) -> int | None:
        transfer = self.transfer
        assert transfer is not None  # noqa: S101  # for the type checker
        if not self.is_success:
            self.size += len(data)
            return None if self.size <= DRAIN_BYTES else ABORT
        if self.size + len(data) > self._limits.max_bytes:
            self.failure = self._too_large()
            return ABORT
        now = time.monotonic()
        if not self._may_keep(transfer, len(data)):
            transfer.paused_at = now
            return int(pycurl.WRITEFUNC_PAUSE)
        transfer.quiet_until = now + self._limits.read_timeout_s
        self.size += len(data)
        self.blocks.append(data)
        return None

    def _too_large(self) -> TooLargeError:
        return TooLargeError(self._target.shows(f"has a body of more than {self._limits.max_bytes} bytes"))
