"""One download: a URL in, the body's bytes out, or an error that says whether later may help."""

import http.client
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from producer.urls import redact_url
from worker.addresses import AddressRules, Endpoint
from worker.connections import Connection, Connections, Deadline, Origin
from worker.errors import (
    BadEntryError,
    EmptyBodyError,
    HttpStatusError,
    HttpStatusLaterError,
    ImageError,
    RefusedSchemeError,
    TimedOutError,
    TlsError,
    TooLargeError,
    TooManyRedirectsError,
    UnreachableError,
)
from worker.local_files import read_file
from worker.resolving import Resolver

PORTS = {"http": 80, "https": 443}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
BLOCK_BYTES = 65536
DRAIN_BYTES = 16384
"""A refused response of this size is read to its end, so that its connection can be used again."""
ASCII_OF_URLS = "%/:=&?~#+!$,;'@()*[]|"


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
    refused_endpoints: tuple[Endpoint, ...] = ()


class Fetcher:
    """Downloads images; thread-safe, keeps connections open between downloads."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        resolver = Resolver()
        rules = AddressRules(
            limits.allow_networks,
            refused_endpoints=limits.refused_endpoints,
            resolve=lambda host: resolver.resolve(host, timeout_s=limits.connect_timeout_s),
        )
        self._connections = Connections(
            rules,
            resolver,
            connect_timeout_s=limits.connect_timeout_s,
            read_timeout_s=limits.read_timeout_s,
        )

    def fetch(self, url: str, *, may_read: Callable[[int], None] | None) -> bytes:
        """Download `url`, following redirects, within the limits.

        `may_read` is called with a number of bytes before so many are read, and may wait for room in memory; that
        wait is not counted.

        Raises:
            PermanentError: The same URL can never succeed.
            TransientError: It may succeed later.
        """
        deadline = Deadline(self._limits.download_timeout_s)
        parts = _split(url)
        if parts.scheme == "file":
            return read_file(url, roots=self._limits.file_roots, max_bytes=self._limits.max_bytes)
        seen = {url}
        while True:
            body, location = self._hop(url, deadline=deadline, may_read=may_read)
            if location is None:
                return body
            target = urljoin(url, location)
            if len(seen) > self._limits.max_redirects or target in seen:
                raise TooManyRedirectsError(f"{len(seen)} redirects, the last to {redact_url(target)}")
            if urlsplit(target).scheme.lower() not in PORTS:
                raise RefusedSchemeError(f"redirect to {redact_url(target)}")
            seen.add(target)
            url = target

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()

    def _hop(
        self, url: str, *, deadline: Deadline, may_read: Callable[[int], None] | None
    ) -> tuple[bytes, str | None]:
        """Ask one URL; give the body, or where it says to go instead."""
        parts = _split(url)
        origin = _origin(parts, url)
        try:
            return self._ask(parts, origin, url, deadline=deadline, may_read=may_read)
        except ImageError:
            raise
        except (OSError, http.client.HTTPException) as error:
            failure = _translate(error, url, origin)
        # Raised here, outside the handler: the text of the other error may hold what the server echoed.
        raise failure

    def _ask(
        self,
        parts: SplitResult,
        origin: Origin,
        url: str,
        *,
        deadline: Deadline,
        may_read: Callable[[int], None] | None,
    ) -> tuple[bytes, str | None]:
        connection = self._connections.take(origin, deadline=deadline)
        try:
            try:
                response = self._send(connection, parts)
            except (ConnectionError, http.client.RemoteDisconnected):
                # An idle connection may be closed by the host at the moment in which it is used again.
                if not connection.is_reused:
                    raise
                connection.close()
                connection = self._connections.open(origin, deadline=deadline)
                response = self._send(connection, parts)
            if response.status in REDIRECTS and (location := response.headers.get("Location")):
                self._release(connection, response)
                return b"", location.encode("latin-1").decode("utf-8", "replace")
            if not 200 <= response.status < 300:  # noqa: PLR2004  # the classes of HTTP
                self._release(connection, response)
                raise _status_error(response, url, origin)
            body = self._read(response, url, deadline=deadline, may_read=may_read)
            self._release(connection, response)
        except BaseException:
            connection.close()
            raise
        return body, None

    def _send(self, connection: Connection, parts: SplitResult) -> http.client.HTTPResponse:
        target = quote(parts.path or "/", safe=ASCII_OF_URLS)
        if parts.query:
            target += "?" + quote(parts.query, safe=ASCII_OF_URLS)
        headers = {
            "User-Agent": self._limits.user_agent,
            "Accept-Encoding": "identity",
            "Accept": "image/*,*/*;q=0.1",
        }
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        connection.request("GET", target, headers=headers)
        return connection.getresponse()

    def _read(
        self,
        response: http.client.HTTPResponse,
        url: str,
        *,
        deadline: Deadline,
        may_read: Callable[[int], None] | None,
    ) -> bytes:
        limit = self._limits.max_bytes
        if response.length is not None and response.length > limit:
            raise TooLargeError(f"{redact_url(url)} announces {response.length} bytes: at most {limit}")
        blocks: list[bytes] = []
        size = 0
        while True:
            wanted = BLOCK_BYTES if response.length is None else min(BLOCK_BYTES, response.length)
            if wanted and may_read is not None:
                asked_at = time.monotonic()
                may_read(wanted)
                deadline.give_back(time.monotonic() - asked_at)
            block = response.read(wanted)
            if not block:
                break
            blocks.append(block)
            size += len(block)
            if size > limit:
                raise TooLargeError(f"{redact_url(url)} sent more than {limit} bytes")
        if response.length:
            raise UnreachableError(f"{redact_url(url)} ended {response.length} bytes early")
        if not size:
            raise EmptyBodyError(f"{redact_url(url)} answered {response.status} without a body")
        return b"".join(blocks)

    def _release(self, connection: Connection, response: http.client.HTTPResponse) -> None:
        if response.length is not None and 0 < response.length <= DRAIN_BYTES:
            response.read()
        if response.isclosed() and not response.will_close:
            self._connections.give_back(connection)
        else:
            connection.close()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise BadEntryError("url cannot be parsed") from None
    if parts.scheme not in {*PORTS, "file"}:
        raise RefusedSchemeError(f"scheme of {redact_url(url)}")
    return parts


def _origin(parts: SplitResult, url: str) -> Origin:
    host = parts.hostname or ""
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise BadEntryError(f"host of {redact_url(url)} cannot be encoded") from None
    if not host:
        raise BadEntryError(f"{redact_url(url)} names no host")
    return Origin(parts.scheme, host, parts.port or PORTS[parts.scheme])


def _status_error(response: http.client.HTTPResponse, url: str, origin: Origin) -> ImageError:
    told = f"{redact_url(url)} answered {response.status}"
    if response.status in LATER:
        wish = _retry_after_s(response.headers.get("Retry-After"))
        return HttpStatusLaterError(told, status=response.status, retry_after_s=wish, host=origin.host)
    return HttpStatusError(told)


def _retry_after_s(value: str | None) -> float | None:
    """Read seconds or an HTTP date (RFC 9110, 10.2.3); None where it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal() and len(value) < 10:  # noqa: PLR2004  # 30 years
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _translate(error: Exception, url: str, origin: Origin) -> ImageError:
    told = redact_url(url)
    if isinstance(error, TimeoutError):
        return TimedOutError(f"{told} did not answer in time", host=origin.host)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return UnreachableError(f"{told} closed its TLS connection", host=origin.host)
    if isinstance(error, ssl.SSLError):
        return TlsError(f"{told}: {error.reason or 'certificate not accepted'}")
    if isinstance(error, http.client.IncompleteRead | ConnectionError):
        return UnreachableError(f"{told} closed the connection", host=origin.host)
    if isinstance(error, http.client.HTTPException):
        return UnreachableError(f"{told} answered something other than HTTP", host=origin.host)
    if isinstance(error, socket.gaierror):
        return UnreachableError(f"{told}: name not resolved", host=origin.host)
    return UnreachableError(
        f"{told}: {getattr(error, 'strerror', None) or 'not reachable'}", host=origin.host
    )
