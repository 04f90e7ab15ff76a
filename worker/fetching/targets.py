"""A URL in, whom and what to ask out, in one spelling: what is checked is what is asked."""

from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin, urlsplit

from producer.urls import MAX_URL_LENGTH, redact_url
from worker.errors import BadEntryError, RefusedSchemeError

PORTS = {"http": 80, "https": 443}
KEPT_IN_URLS = "%/:=&?~#+!$,;'@()*[]|^`\\{}"
"""What stays as it is in a path and a query; the rest is percent-encoded."""


@dataclass(frozen=True)
class Target:
    """One HTTP request: `url` is rebuilt from its parts, without user info and fragment."""

    url: str = field(repr=False)
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    def shows(self, what: str) -> str:
        """Give one sentence about this request, without its secrets."""
        return f"{redact_url(self.url)} {what}"


def parse_target(url: str) -> Target:
    """Parse an http or https URL.

    Raises:
        BadEntryError: It cannot be parsed, or names no host.
        RefusedSchemeError: It is of another scheme.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _ascii_host(parts.hostname or "")
    except ValueError:
        raise BadEntryError(f"{redact_url(url)} cannot be parsed") from None
    if parts.scheme not in PORTS:
        raise RefusedSchemeError(f"{redact_url(url)} is neither http nor https")
    if not host:
        raise BadEntryError(f"{redact_url(url)} names no host")
    port = PORTS[parts.scheme] if port is None else port
    query = "?" + quote(parts.query, safe=KEPT_IN_URLS) if parts.query else ""
    authority = f"[{host}]" if ":" in host else host
    return Target(
        url=f"{parts.scheme}://{authority}:{port}{quote(parts.path or '/', safe=KEPT_IN_URLS)}{query}",
        host=host,
        port=port,
        user=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
    )


def parse_redirect(location: str, *, base: str) -> str:
    """Give the absolute URL to which `location` leads from `base`.

    Raises:
        BadEntryError: It leads nowhere.
    """
    try:
        url = urljoin(base, location.strip())
    except ValueError:
        url = ""
    if not url or len(url) > MAX_URL_LENGTH:
        raise BadEntryError(f"{redact_url(base)} redirects to what is no URL")
    return url


def host_of(url: str) -> str:
    """Give the host that `url` names, for counting; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _ascii_host(host: str) -> str:
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if len(host) > 253 or not all(character.isalnum() or character in "-._:%~" for character in host):  # noqa: PLR2004  # the longest name of DNS
        raise ValueError
    return host
