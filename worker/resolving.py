"""Host names in, addresses out: within a limit of time, remembered for a while.

`getaddrinfo` has no limit of its own and cannot be interrupted; it runs in a thread that is left behind where it
takes too long.
"""

import socket
import threading
import time
from collections import OrderedDict

from worker.errors import TimedOutError, UnreachableError

REMEMBER_S = 60.0
REMEMBER_HOSTS = 4096
LOOKUPS = 64
"""Lookups at a time; a name server that hangs must not collect threads without end."""


class _Lookup:
    """One lookup under way, waited for by all who need it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.addresses: tuple[str, ...] = ()
        self.failed: str | None = None


class Resolver:
    """Looks host names up; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()
        self._under_way: dict[str, _Lookup] = {}

    def resolve(self, host: str, *, timeout_s: float) -> tuple[str, ...]:
        """Give the addresses of `host` in the system's order of preference.

        Raises:
            UnreachableError: The name has no address, or the name server failed.
            TimedOutError: It took longer than `timeout_s`.
        """
        with self._lock:
            known = self._known.get(host)
            if known is not None and known[0] > time.monotonic():
                return known[1]
            lookup = self._under_way.get(host)
            if lookup is None:
                if len(self._under_way) >= LOOKUPS:
                    raise TimedOutError(
                        f"name {host[:253]!r} not looked up: {LOOKUPS} lookups hang", host=host
                    )
                lookup = self._under_way[host] = _Lookup()
                threading.Thread(
                    target=self._look_up, args=(host, lookup), name="lookup", daemon=True
                ).start()
        if not lookup.done.wait(timeout_s):
            raise TimedOutError(f"name {host[:253]!r} not resolved in {timeout_s:.1f} s", host=host)
        if lookup.failed is not None:
            raise UnreachableError(f"name {host[:253]!r} not resolved: {lookup.failed}", host=host)
        return lookup.addresses

    def _look_up(self, host: str, lookup: _Lookup) -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            lookup.addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        except (OSError, UnicodeError) as error:
            lookup.failed = getattr(error, "strerror", None) or type(error).__name__
        with self._lock:
            del self._under_way[host]
            if lookup.failed is None:
                self._known[host] = (time.monotonic() + REMEMBER_S, lookup.addresses)
                self._known.move_to_end(host)
                while len(self._known) > REMEMBER_HOSTS:
                    self._known.popitem(last=False)
        lookup.done.set()
