"""Who may do what: tokens from a file, compared in constant time; a token is never in a URL, a log or an error."""

import hashlib
import hmac
import os
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from worker.errors import ConfigurationError

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
MIN_LENGTH = 20
"""Characters of a token: fewer could be tried one by one."""

PUBLIC = ("/healthz", "/readyz", "/static/", "/favicon.ico")

READING = ("/v1/search", "/search", "/blur")
"""What is sent with POST and changes nothing that is kept."""


@dataclass(frozen=True, slots=True)
class _Token:
    digest: bytes
    scopes: frozenset[str]


class Tokens:
    """The tokens of one file. `admin` includes the other scopes; `write` does not include `read`."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Raise ConfigurationError, with the line's number and never its text, where a line cannot be read."""
        self._tokens: list[_Token] = []
        for number, line in enumerate(lines, 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            scopes = frozenset(words[0].split(","))
            if len(words) != 2 or not scopes <= set(SCOPES):  # noqa: PLR2004 - scope and token
                raise ConfigurationError(
                    f"LOOKALIKE_API_TOKENS_FILE, line {number}: write scopes ({', '.join(SCOPES)}; separated by "
                    "commas), a space, and the token"
                )
            if len(words[1]) < MIN_LENGTH:
                raise ConfigurationError(
                    f"LOOKALIKE_API_TOKENS_FILE, line {number}: a token has {MIN_LENGTH} characters at least"
                )
            self._tokens.append(_Token(_digest(words[1]), scopes))
        if not self._tokens:
            raise ConfigurationError("LOOKALIKE_API_TOKENS_FILE holds no token")

    def scopes_of(self, authorization: str) -> frozenset[str]:
        """Give the scopes of an `Authorization` header, Bearer or Basic; none where its token is unknown."""
        given = _digest(_token_in(authorization))
        found: frozenset[str] = frozenset()
        # All are compared, whichever matches: the time tells nothing.
        for token in self._tokens:
            if hmac.compare_digest(token.digest, given):
                found = token.scopes
        return frozenset(SCOPES) if "admin" in found else found


def read_tokens(path: Path) -> Tokens:
    """Read the file of tokens.

    Raises:
        ConfigurationError: It cannot be read, or everybody may change it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o002:
                raise ConfigurationError("LOOKALIKE_API_TOKENS_FILE may be written by everybody")
            return Tokens(file.read().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(f"LOOKALIKE_API_TOKENS_FILE cannot be read: {told}") from None


def required_scope(method: str, path: str) -> Scope | None:
    """Give the scope that a request needs; None where it needs none."""
    if path.startswith(PUBLIC):
        return None
    if method in ("GET", "HEAD", "OPTIONS") or path in READING:
        return "read"
    return "write" if path == "/v1/images" else "admin"


def _token_in(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() == "basic":
        # How a browser sends what its user typed: any name, the token as the password.
        try:
            return b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
