"""Manners towards hosts: how many downloads each gets at a time, and when it is left alone.

A host that answers 429 or 503 gets half as many downloads, and one more for each full round of good answers. A host
that fails ten times in a row is left alone, for longer each time; then one download tries it.
"""

from collections.abc import Callable
from dataclasses import dataclass

FAILURES_IN_A_ROW = 10
ALONE_FIRST_S = 15.0
ALONE_AT_MOST_S = 600.0
HOSTS_REMEMBERED = 10_000


@dataclass
class _Host:
    limit: float
    active: int = 0
    failures: int = 0
    pauses: int = 0
    alone_until: float = 0.0


class Hosts:
    """What is known of the hosts that were asked lately; not thread-safe."""

    def __init__(self, *, concurrency: int, clock: Callable[[], float]) -> None:
        self._concurrency = concurrency
        self._clock = clock
        self._hosts: dict[str, _Host] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def alone_s(self, host: str) -> float:
        """Give the seconds for which `host` is left alone; 0 where it may be asked."""
        known = self._hosts.get(host)
        if known is None or not known.pauses:
            return 0.0
        left = known.alone_until - self._clock()
        if left > 0:
            return left
        # One download tries a host that was left alone; until it ends, the others wait as long as the first pause.
        return ALONE_FIRST_S if known.active else 0.0

    def has_room(self, host: str) -> bool:
        """Tell whether one more download from `host` may start."""
        known = self._hosts.get(host)
        return known is None or known.active < int(known.limit)

    def start(self, host: str) -> None:
        """Note that a download from `host` starts."""
        if host not in self._hosts and len(self._hosts) >= HOSTS_REMEMBERED:
            self._forget_one()
        self._hosts.setdefault(host, _Host(limit=self._concurrency)).active += 1

    def end(self, host: str) -> None:
        """Note that a download from `host` ended, however it did."""
        known = self._hosts[host]
        known.active -= 1
        if not known.active and not known.failures and not known.pauses and known.limit >= self._concurrency:
            del self._hosts[host]

    def note_answer(self, host: str) -> None:
        """Note that `host` answered as a healthy host does."""
        known = self._hosts[host]
        known.failures = known.pauses = 0
        if known.limit < self._concurrency:
            known.limit = min(self._concurrency, known.limit + 1 / known.limit)

    def note_overload(self, host: str) -> None:
        """Note that `host` asked for fewer downloads (429, 503)."""
        known = self._hosts[host]
        known.limit = max(1.0, known.limit / 2)
        self.note_failure(host)

    def note_failure(self, host: str) -> None:
        """Note that `host` did not answer, or with an error of its own."""
        known, now = self._hosts[host], self._clock()
        if known.alone_until > now:
            return  # started before the host was left alone: its failure is no news
        known.failures += 1
        if known.failures >= FAILURES_IN_A_ROW or known.pauses:
            known.alone_until = now + min(ALONE_FIRST_S * 2**known.pauses, ALONE_AT_MOST_S)
            known.pauses = min(known.pauses + 1, 16)
            known.failures = 0

    def _forget_one(self) -> None:
        for host, known in self._hosts.items():
            if not known.active:
                del self._hosts[host]
                return
