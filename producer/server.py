"""Where the server is: from the environment, beside the current folder, or on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from producer.names import Names
from producer.sentinels import (
    SCHEME,
    TLS_SCHEME,
    connect_by_sentinel,
    connect_by_sentinel_async,
    is_sentinel_url,
    show_sentinels,
)
from producer.urls import default_broker_url, redact_url

REDIS_URL = "LOOKALIKE_REDIS_URL"
ARCHIVE = "LOOKALIKE_ARCHIVE"
BROKER_URL = "LOOKALIKE_BROKER_URL"

DATA_FOLDER = "lookalike-data"
"""Where the embedded server of `lookalike up` keeps its data, below the folder that it was started in."""

DATA_SOCKET = "valkey.sock"
DEFAULT_REDIS_URL = "redis://localhost:6379/0"
SCHEMES = ("redis", "rediss", "unix", SCHEME, TLS_SCHEME)
TIMEOUT_S = 5.0
_TIMEOUTS: dict[str, Any] = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}


class Server(NamedTuple):
    """What a producer needs to know of where it sends."""

    redis_url: str
    archive: str
    broker_url: str | None


def find_server(environ: Mapping[str, str], cwd: Path) -> Server:
    """Read the three settings that producers share with workers.

    Raises:
        ValueError: One of them cannot be used; the message names it and shows no secret.
    """
    archive = environ.get(ARCHIVE, "") or "default"
    try:
        Names(archive)
    except ValueError as error:
        raise ValueError(f"{ARCHIVE}: {error}") from None
    redis_url = find_redis_url(environ, cwd)
    try:
        connect(redis_url).close()
        default_broker_url(redis_url)
    except ValueError as error:
        told = f"{error}" if is_sentinel_url(redis_url) else "use redis://[user:password@]host:port/number"
        raise ValueError(f"{REDIS_URL} cannot be read: {told}") from None
    return Server(redis_url, archive, environ.get(BROKER_URL) or None)


def find_redis_url(environ: Mapping[str, str], cwd: Path) -> str:
    """Give the server's URL: LOOKALIKE_REDIS_URL, else the embedded server of this folder, else localhost.

    Raises:
        ValueError: LOOKALIKE_REDIS_URL is no URL of a server; the message does not show it.
    """
    given = environ.get(REDIS_URL, "")
    if given:
        if urlsplit(given).scheme not in SCHEMES:
            raise ValueError(
                f"{REDIS_URL} must begin with redis://, rediss://, unix://, {SCHEME}:// or {TLS_SCHEME}://"
            )
        return given
    socket = cwd.absolute() / DATA_FOLDER / DATA_SOCKET
    return socket_url(socket) if socket.is_socket() else DEFAULT_REDIS_URL


def socket_url(socket: Path) -> str:
    """Give the URL of database 0 of a server that listens on a unix socket."""
    return f"unix://{quote(str(socket))}?db=0"


def show_server(redis_url: str) -> str:
    """Show which server is meant, without user, password and options."""
    if is_sentinel_url(redis_url):
        return show_sentinels(redis_url)
    parts = urlsplit(redis_url)
    return parts.path if parts.scheme == "unix" else redact_url(redis_url)


def advise(environ: Mapping[str, str]) -> str:
    """Say what to do where no server answers at the URL that `find_redis_url` gives."""
    if environ.get(REDIS_URL):
        return f"start it, or correct {REDIS_URL}"
    return f"run `lookalike up` here, or set {REDIS_URL} to a server's address"


def show_url(redis_url: str) -> str:
    """Show the URL so that it can be used elsewhere, with its database, without user, password and other options."""
    parts = urlsplit(redis_url)
    if is_sentinel_url(redis_url) or parts.netloc:
        return show_server(redis_url)
    database = [option for option in parse_qsl(parts.query) if option[0] in ("db", "virtual_host")]
    return f"{parts.scheme}://{parts.path}" + (f"?{urlencode(database)}" if database else "")


def connect(redis_url: str) -> "redis.Redis":
    """Give a client that tries once and waits 5 s at most; it connects when it is first used.

    Raises:
        ValueError: `redis_url` cannot be read.
    """
    retry = Retry(NoBackoff(), 0)
    if is_sentinel_url(redis_url):
        return connect_by_sentinel(redis_url, **_TIMEOUTS, retry=retry)
    return redis.Redis.from_url(redis_url, **_TIMEOUTS, retry=retry)


def connect_async(redis_url: str) -> "redis.asyncio.Redis":
    """Give the same for asyncio."""
    retry = AsyncRetry(NoBackoff(), 0)
    if is_sentinel_url(redis_url):
        return connect_by_sentinel_async(redis_url, **_TIMEOUTS, retry=retry)
    return redis.asyncio.Redis.from_url(redis_url, **_TIMEOUTS, retry=retry)
