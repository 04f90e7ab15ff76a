"""Servers that Sentinel watches over: from one URL of ours to clients that ask it for the primary.

`redis+sentinel://[user:password@]host[:port][,host[:port]…]/service[/number][?sentinel_user=…&sentinel_password=…]`:
user and password are the data servers', those of the query the sentinels' own. `rediss+sentinel://` encrypts the
connections to both; certificates are named in the query, as redis-py names them in that of `rediss://`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, unquote

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

SCHEME = "redis+sentinel"
TLS_SCHEME = "rediss+sentinel"
DEFAULT_PORT = 26379
_FORM = f"use {SCHEME}://[user:password@]host:port,host:port/service/number"
_SENTINEL_OPTIONS = ("sentinel_user", "sentinel_password")
_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_CHOICES = {"ssl_cert_reqs": ("none", "optional", "required"), "ssl_check_hostname": ("false", "true")}


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

    is_encrypted: bool = False

    @property
    def hosts(self) -> str:
        """The sentinels as they stand in a URL."""
        return ",".join(f"{host}:{port}" for host, port in self.sentinels)

    def __str__(self) -> str:
        scheme = TLS_SCHEME if self.is_encrypted else SCHEME
        return f"{scheme}://{self.user}{self.hosts}/{self.service}/{self.database}{self.options}"

    @property
    def tls(self) -> dict[str, Any]:
        """What redis-py is told of encryption: nothing where there is none."""
        if not self.is_encrypted:
            return {}
        given = {name: value for name, value in _read_options(self.options).items() if name in _TLS_OPTIONS}
        names_host = given.pop("ssl_check_hostname", "true") == "true"
        return {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": names_host, **given}

    @property
    def asking(self) -> dict[str, Any]:
        """User and password of the sentinels themselves."""
        given = _read_options(self.options)
        named = {"username": given.get("sentinel_user"), "password": given.get("sentinel_password")}
        return {name: value for name, value in named.items() if value}


def is_sentinel_url(url: str) -> bool:
    """Tell whether `url` names sentinels."""
    return url.startswith((f"{SCHEME}://", f"{TLS_SCHEME}://"))


def parse_sentinel_url(url: str) -> SentinelUrl:
    """Read the URL; raise ValueError, without what it holds, where it cannot be read."""
    scheme, _, named = url.partition("://")
    rest, mark, options = named.partition("?")
    netloc, _, path = rest.partition("/")
    user, at, hosts = netloc.rpartition("@")
    service, _, number = path.strip("/").partition("/")
    sentinels = tuple(_parse_host(host) for host in hosts.split(","))
    if not service or not number.isdigit() | (number == ""):
        raise ValueError(_FORM)
    is_encrypted = scheme == TLS_SCHEME
    _check_options(_read_options(options), is_encrypted=is_encrypted)
    return SentinelUrl(sentinels, service, int(number or 0), user + at, mark + options, is_encrypted)


def next_database(url: str) -> str:
    """Give the URL of the database after that of `url`."""
    parsed = parse_sentinel_url(url)
    return str(replace(parsed, database=parsed.database + 1))


def show_sentinels(url: str) -> str:
    """Show which service is meant, without user, password and options."""
    return str(replace(parse_sentinel_url(url), user="", options=""))


def connect_sentinels(url: str, **options: Any) -> redis.sentinel.Sentinel:  # noqa: ANN401 - redis-py's options
    """Give a client for each of the sentinels; it connects when it is first used."""
    parsed = parse_sentinel_url(url)
    return redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # redis-py has no types here
        parsed.sentinels, sentinel_kwargs={**options, **parsed.tls, **parsed.asking}
    )


def connect_by_sentinel(url: str, **options: Any) -> redis.Redis:  # noqa: ANN401 - as above
    """Give a client of whichever server is the primary when a connection is made."""
    parsed = parse_sentinel_url(url)
    client: redis.Redis = connect_sentinels(url, **options).master_for(  # type: ignore[no-untyped-call]  # as above
        parsed.service, **_data_options(parsed), **options
    )
    return client


def connect_by_sentinel_async(url: str, **options: Any) -> redis.asyncio.Redis:  # noqa: ANN401 - as above
    """Give the same for asyncio."""
    parsed = parse_sentinel_url(url)
    asked = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # as above
        parsed.sentinels, sentinel_kwargs={**options, **parsed.tls, **parsed.asking}
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
        **parsed.tls,
    }


def _read_options(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query.removeprefix("?")).items()}


def _check_options(given: Mapping[str, str], *, is_encrypted: bool) -> None:
    known = (*_SENTINEL_OPTIONS, *_TLS_OPTIONS) if is_encrypted else _SENTINEL_OPTIONS
    if any(name not in known or value not in _CHOICES.get(name, (value,)) for name, value in given.items()):
        raise ValueError(f"{_FORM}, with the options {', '.join(known)}")
