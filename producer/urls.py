"""What a URL may be, and how it is shown: URLs carry secrets, so messages show scheme, host and path only."""

from urllib.parse import urlsplit, urlunsplit

SCHEMES = ("http", "https", "file")
MAX_URL_LENGTH = 8192
"""Characters. Signed URLs of object stores reach about 2,000."""


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
    hidden = "?…" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{parts.path[:200]}{hidden}"


def check_url(url: str) -> None:
    """Raise ValueError, with the redacted URL, where `url` is not one that a worker could fetch."""
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(f"url of {len(url)} characters: at most {MAX_URL_LENGTH}")
    if any(ord(character) <= 0x20 or ord(character) == 0x7F for character in url):
        raise ValueError(f"url {redact_url(url)!r} contains a space or control character: percent-encode it")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(f"url {redact_url(url)!r} cannot be parsed") from None
    if parts.scheme.lower() not in SCHEMES:
        raise ValueError(f"url {redact_url(url)!r}: its scheme is not one of {', '.join(SCHEMES)}")
    if parts.scheme.lower() != "file" and not parts.hostname:
        raise ValueError(f"url {redact_url(url)!r} names no host")
    if parts.scheme.lower() == "file" and not parts.path.startswith("/"):
        raise ValueError(f"url {redact_url(url)!r} needs an absolute path")


def default_broker_url(redis_url: str) -> str:
    """Give kombu's URL of the database after that of `redis_url`, on the same server.

    A unix socket (`unix:///path?db=0`) becomes kombu's `redis+socket:///path?virtual_host=1`.
    """
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        options = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
        return f"redis+socket://{parts.path}?virtual_host={int(options.get('db', '0')) + 1}"
    database = int(parts.path.strip("/") or 0)
    return urlunsplit(parts._replace(path=f"/{database + 1}"))
