"""Counts requests by route and status, and how long each took to its first byte: for `/metrics`."""

from bisect import bisect_left
from collections import Counter, defaultdict
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestCounts:
    """Counts of one process: by method, route and status; by route and the index of the bound not exceeded."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, str, int]] = Counter()
        self.times: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS_S) + 1))
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def add(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count one request."""
        self.answered[method if method in _METHODS else "other", route, status] += 1
        self.times[route][bisect_left(BOUNDS_S, took_s)] += 1
        self.seconds[route] += took_s


class Counting:
    """Counts each request once it is answered; ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, *, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = monotonic()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                took_s = monotonic() - started
                self._counts.add(scope["method"], _route(scope), message["status"], took_s)
            await send(message)

        await self._app(scope, receive, counted)


def _route(scope: Scope) -> str:
    """Name the pattern of the path, never the path: it holds what strangers write."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    return "/static" if scope["path"].startswith("/static/") else "none"
