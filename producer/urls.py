"""What a URL may be, and how it is shown: URLs carry secrets, so messages show scheme, host and path only."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from producer.sentinels import is_sentinel_url, next_database, parse_sentinel_url

SCHEMES = ("http", "https", "file")
WEB_SCHEMES = ("http", "https")
MAX_URL_LENGTH = 8192
"""Characters. Signed URLs of object stores reach about 2,000."""

_USUAL = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,4})?(?:[/?#][!-~]*)?")
"""What nearly every URL looks like: it passes all checks below, in a tenth of the time."""

_SHOWN_LENGTH = 60
_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*:")
_SPACE_OR_CONTROL = re.compile("[\x00-\x20\x7f]")


def redact_url(url: str) -> str:
    """Show scheme, host, port and path of `url`: never its query, fragment or user info."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(unreadable URL)"
    if not parts.scheme and not host:
        return "(no URL)"
    if not host and parts.scheme.lower() != "file":
        return f"{parts.scheme}:…"  # what follows may be user info
    hidden = "?…" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{parts.path[:200]}{hidden}"


def has_scheme(text: str) -> bool:
    """Tell whether `text` begins as a URL does, of whatever scheme."""
    return _SCHEME.match(text) is not None


def show_name(text: str) -> str:
    """Show what was to be a URL and has no scheme: never what may be its query or user info."""
    path = re.split("[?#]", text, maxsplit=1)[0]
    hidden = "?…" if path != text else ""
    return repr(path.rpartition("@")[2][:_SHOWN_LENGTH] + hidden)


def check_url(url: str, *, schemes: Sequence[str] = SCHEMES) -> None:
    """Raise ValueError, with the redacted URL, where `url` is not one that a worker could fetch."""
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(f"url of {len(url)} characters: at most {MAX_URL_LENGTH}")
    if _USUAL.fullmatch(url):
        return
    _check_unusual_url(url, schemes)


def _check_unusual_url(url: str, schemes: Sequence[str] = SCHEMES) -> None:
    if not url:
        raise ValueError("url is empty")
    try:
        url.encode()
    except UnicodeEncodeError:
        raise ValueError("url holds half a surrogate pair") from None
    if not has_scheme(url):
        begins = ", ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"url {show_name(url)} is no URL: it begins with none of {begins}")
    if _SPACE_OR_CONTROL.search(url):
        raise ValueError(f"url {redact_url(url)!r} contains a space or control character: percent-encode it")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(f"url {redact_url(url)!r} cannot be parsed") from None
    if parts.scheme.lower() not in schemes:
        raise ValueError(f"url {redact_url(url)!r}: its scheme is not one of {', '.join(schemes)}")
    if parts.scheme.lower() != "file" and not parts.hostname:
        raise ValueError(f"url {redact_url(url)!r} names no host")
    if parts.scheme.lower() == "file" and not parts.path.startswith("/"):
        raise ValueError(f"url {redact_url(url)!r} needs an absolute path")


def default_broker_url(redis_url: str) -> str:
    """Give kombu's URL of the database after that of `redis_url`, on the same server.

    A unix socket (`unix:///path?db=0`) becomes kombu's `redis+socket:///path?virtual_host=1`; what names sentinels
    keeps our form, see `producer.broker`. Raises ValueError where the database is no number.
    """
    if is_sentinel_url(redis_url):
        return next_database(redis_url)
    parts = urlsplit(redis_url)
    options = dict(parse_qsl(parts.query))
    given = options.pop("db", None)
    if parts.scheme == "unix":
        return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={int(given or 0) + 1}"
    database = int(given if given is not None else parts.path.strip("/") or 0)
    return urlunsplit(parts._replace(path=f"/{database + 1}", query=urlencode(options)))


def named_servers(url: str) -> tuple[tuple[str, int], ...]:
    """Give host and port of the servers that a URL names: none for a unix socket. Raises ValueError."""
    if is_sentinel_url(url):
        return parse_sentinel_url(url).sentinels
    parts = urlsplit(url)
    return ((parts.hostname, parts.port or 6379),) if parts.hostname else ()
