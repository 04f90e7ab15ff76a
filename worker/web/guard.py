"""What every request passes first: whom it names, where it comes from, who sent it, how much it brings."""

import logging
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.web.problems import ProblemError, problem_response
from worker.web.tokens import Tokens, required_scope

logger = logging.getLogger(__name__)

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
FORM_BYTES = 65536
"""What a multipart body may add to the file that it carries."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Refuses requests that must not reach the pages or the API, and seals every answer; ASGI middleware.

    `names` are the hosts that a request may name; empty stands for any. Without it a stranger's page could reach a
    server on loopback by letting its own name point there (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens | None, names: Iterable[str], body_bytes: int) -> None:
        self._app = app
        self._tokens = tokens
        self._names = frozenset(names)
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        headers = Headers(scope=scope)
        limited = _Limited(receive, limit=self._body_bytes)
        has_begun = False

        async def sealed(message: Message) -> None:
            nonlocal has_begun
            if limited.is_over:
                # Whoever read the body took its end for an error of another kind: not what is answered.
                return
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answered.setdefault(name, value)
                answered.setdefault("Cache-Control", "no-store")
            has_begun = True
            await send(message)

        try:
            self._check_host(headers)
            self._check_origin(scope["method"], headers)
            self._check_token(scope["method"], scope["path"], headers)
            limited.announce(headers.get("content-length", "0"))
            await self._app(scope, limited, sealed)
            limited.check()
        except ProblemError as error:
            limited.is_over = False
            await problem_response(error)(scope, receive, sealed)
        except Exception:
            # An answer that has begun can only be cut off.
            if has_begun:
                raise
            logger.exception("a request failed: %s", scope["path"][:200])
            problem = ProblemError(500, "internal", "a fault of this service: its log says more")
            await problem_response(problem)(scope, receive, sealed)

    def _check_host(self, headers: Headers) -> None:
        if not self._names:
            return
        name = headers.get("host", "").lower()
        bare = name.rpartition(":")[0] if not name.endswith("]") and ":" in name else name
        if bare not in self._names:
            raise ProblemError(
                421, "unknown-host", "this server is not known by that name: see LOOKALIKE_WEB_NAMES"
            )

    def _check_origin(self, method: str, headers: Headers) -> None:
        """Refuse what another site makes a browser send; a link that a person follows leads here all the same."""
        if method in ("GET", "HEAD", "OPTIONS"):
            is_own = not is_from_elsewhere(headers) or _is_followed_link(headers)
        elif (origin := headers.get("origin")) is None or "sec-fetch-site" in headers:
            is_own = not is_from_elsewhere(headers)
        else:
            is_own = _host_of(origin) == headers.get("host")
        if not is_own:
            raise ProblemError(403, "other-origin", "another site's page must not send this")

    def _check_token(self, method: str, path: str, headers: Headers) -> None:
        needed = required_scope(method, path)
        if self._tokens is None or needed is None:
            return
        scopes = self._tokens.scopes_of(headers.get("authorization", ""))
        if not scopes:
            raise ProblemError(
                401,
                "token-needed",
                "send a token: `Authorization: Bearer …`, or as the password of HTTP Basic",
                headers={
                    "WWW-Authenticate": 'Basic realm="lookalike", charset="UTF-8", Bearer realm="lookalike"'
                },
            )
        if needed not in scopes:
            raise ProblemError(403, "scope-needed", f"the token lacks the scope {needed}")


def is_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser says that another site's page is behind a request, be it by a link in it."""
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


def _is_followed_link(headers: Mapping[str, str]) -> bool:
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") in (None, "document")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


class _Limited:
    """The body of one request, cut off where it grows beyond its limit."""

    def __init__(self, receive: Receive, *, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._arrived = 0
        self.is_over = False

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._arrived += len(message.get("body", b""))
            self.is_over = self._arrived > self._limit
            self.check()
        return message

    def announce(self, length: str) -> None:
        """Refuse a body by its `Content-Length`, before a byte of it is read."""
        self.is_over = not length.isdecimal() or int(length) > self._limit
        self.check()

    def check(self) -> None:
        """Raise ProblemError where the body is over its limit."""
        if self.is_over:
            raise ProblemError(
                413, "too-large", f"at most {self._limit} bytes", headers={"Connection": "close"}
            )
