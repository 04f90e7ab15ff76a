"""The service's own servers, which no image may name: those in its settings, and those that sentinels tell of.

Primary, replicas and further sentinels come and go, so the sentinels are asked again, on a thread beside the
downloads. Where none answers, what they told last stays.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from producer.sentinels import connect_sentinels, is_sentinel_url, parse_sentinel_url
from producer.urls import named_servers
from worker.fetching.addresses import Endpoint
from worker.fetching.side_threads import SideThreads

EVERY_S = 30.0
AGAIN_S = 1.0
"""Seconds until the next try where no sentinel has answered."""

ASK_TIMEOUT_S = 0.5
FIRST_WAIT_S = 1.0
"""Seconds that a start waits for the first answer at most."""


class OwnServers:
    """Host and port of the servers behind these URLs, archive's and broker's; thread-safe."""

    def __init__(self, urls: Sequence[str], *, every_s: float = EVERY_S) -> None:
        self._named = [Endpoint(host, port) for url in urls for host, port in named_servers(url)]
        watched = [(parse_sentinel_url(url), url) for url in urls if is_sentinel_url(url)]
        self._watched = list({(parsed.sentinels, parsed.service): url for parsed, url in watched}.values())
        self._told: dict[str, set[Endpoint]] = {}
        self._every_s = every_s
        self._lock = threading.Lock()
        self._due_at = time.monotonic() if self._watched else float("inf")
        self._threads = SideThreads(1)
        answered = self._ask_when_due()
        if answered is not None:
            answered.wait(FIRST_WAIT_S)

    def endpoints(self) -> frozenset[Endpoint]:
        """Give all that are known by now; never waits."""
        self._ask_when_due()
        return frozenset(self._named).union(*self._told.copy().values())

    def _ask_when_due(self) -> threading.Event | None:
        """Begin to ask where it is time to, and give what tells the end of it."""
        with self._lock:
            if time.monotonic() < self._due_at:
                return None
            self._due_at = float("inf")
        ended = threading.Event()
        try:
            self._threads.run(lambda: self._ask_all(ended))
        except RuntimeError:
            # The kernel grants no thread now.
            self._due_at = time.monotonic() + AGAIN_S
            return None
        return ended

    def _ask_all(self, ended: threading.Event) -> None:
        has_answer = True
        try:
            for url in self._watched:
                told = ask_sentinels(url)
                has_answer = has_answer and bool(told)
                if told:
                    self._told[url] = told
        finally:
            self._due_at = time.monotonic() + (self._every_s if has_answer else AGAIN_S)
            ended.set()


def ask_sentinels(url: str) -> set[Endpoint]:
    """Give primary, replicas and sentinels of the service, as all sentinels together tell; empty where none answers."""
    service = parse_sentinel_url(url).service
    told: set[Endpoint] = set()
    asked = connect_sentinels(
        url,
        socket_connect_timeout=ASK_TIMEOUT_S,
        socket_timeout=ASK_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    for sentinel in asked.sentinels:
        # What comes first is what redis-py asks too: a sentinel that allows nothing else has told that much.
        # One that does not know the service has nothing to tell.
        with sentinel, suppress(RedisError, OSError, KeyError):
            for states in (
                lambda one=sentinel: [one.sentinel_masters()[service]],
                lambda one=sentinel: one.sentinel_slaves(service),
                lambda one=sentinel: one.sentinel_sentinels(service),
            ):
                told.update(Endpoint(state["ip"], state["port"]) for state in states())
    return told
