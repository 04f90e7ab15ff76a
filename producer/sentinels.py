"""Servers that Sentinel watches over: from one URL of ours to clients that ask it for the primary, and to kombu's form.

`redis+sentinel://[user:password@]host[:port][,host[:port]…]/service[/number][?sentinel_user=…&sentinel_password=…]`:
user and password are the data servers', those of the query the sentinels' own.
"""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

SCHEME = "redis+sentinel"
DEFAULT_PORT = 26379
_FORM = f"use {SCHEME}://[user:password@]host:port,host:port/service/number"


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """What a URL names: the sentinels, the service that they watch, the database and who asks."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    user: str
    """User and password of the data servers as they stand in a URL, with the @ that ends them, or empty."""

    options: str
    """The query, with its question mark, or empty."""

    @property
    def hosts(self) -> str:
        """The sentinels as they stand in a URL."""
        return ",".join(f"{host}:{port}" for host, port in self.sentinels)

    def __str__(self) -> str:
        return f"{SCHEME}://{self.user}{self.hosts}/{self.service}/{self.database}{self.options}"


def is_sentinel_url(url: str) -> bool:
    """Tell whether `url` names sentinels."""
    return url.startswith(f"{SCHEME}://")


def parse_sentinel_url(url: str) -> SentinelUrl:
    """Read the URL; raise ValueError, without what it holds, where it cannot be read."""
    rest, mark, options = url.removeprefix(f"{SCHEME}://").partition("?")
    netloc, _, path = rest.partition("/")
    user, at, hosts = netloc.rpartition("@")
    service, _, number = path.strip("/").partition("/")
    sentinels = tuple(_parse_host(host) for host in hosts.split(","))
    if not service or not number.isdigit() | (number == ""):
        raise ValueError(_FORM)
    return SentinelUrl(sentinels, service, int(number or 0), user + at, mark + options)


def next_database(url: str) -> str:
    """Give the URL of the database after that of `url`."""
    parsed = parse_sentinel_url(url)
    return str(replace(parsed, database=parsed.database + 1))


def show_sentinels(url: str) -> str:
    """Show which service is meant, without user, password and options."""
    return str(replace(parse_sentinel_url(url), user="", options=""))


def kombu_broker(url: str) -> tuple[str, dict[str, Any]]:
    """Give a broker's URL in kombu's form and the options of its transport; what names no sentinels stays as it is."""
    if not is_sentinel_url(url):
        return url, {}
    parsed = parse_sentinel_url(url)
    urls = [f"sentinel://{parsed.user}{host}:{port}/{parsed.database}" for host, port in parsed.sentinels]
    options: dict[str, Any] = {"master_name": parsed.service}
    if own := _sentinel_options(parsed):
        options["sentinel_kwargs"] = own
    return ";".join(urls), options


def connect_by_sentinel(url: str, **options: Any) -> redis.Redis:  # noqa: ANN401 - redis-py's options
    """Give a client of whichever server is the primary when a connection is made."""
    parsed = parse_sentinel_url(url)
    asked = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # redis-py has no types here
        parsed.sentinels, sentinel_kwargs={**_timeouts(options), **_sentinel_options(parsed)}
    )
    client: redis.Redis = asked.master_for(  # type: ignore[no-untyped-call]  # as above
        parsed.service, **_data_options(parsed), **options
    )
    return client


def connect_by_sentinel_async(url: str, **options: Any) -> redis.asyncio.Redis:  # noqa: ANN401 - as above
    """Give the same for asyncio."""
    parsed = parse_sentinel_url(url)
    asked = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # as above
        parsed.sentinels, sentinel_kwargs={**_timeouts(options), **_sentinel_options(parsed)}
    )
    client: redis.asyncio.Redis = asked.master_for(parsed.service, **_data_options(parsed), **options)
    return client


def _parse_host(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if ":" in text else (text, "", str(DEFAULT_PORT))
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise ValueError(_FORM)
    return host, int(port)


def _data_options(parsed: SentinelUrl) -> dict[str, Any]:
    name, _, password = parsed.user.removesuffix("@").partition(":")
    return {
        "db": parsed.database,
        "username": unquote(name) or None,
        "password": unquote(password) or None,
    }


def _sentinel_options(parsed: SentinelUrl) -> dict[str, Any]:
    given = dict(parse_qsl(parsed.options.removeprefix("?")))
    named = {"username": given.get("sentinel_user"), "password": given.get("sentinel_password")}
    return {name: value for name, value in named.items() if value}


def _timeouts(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name.startswith("socket_")}
