"""Host names in, addresses out: within a limit of time, remembered for a minute.

`getaddrinfo` has no limit of its own and cannot be interrupted; it runs on a thread that is left behind where it
hangs. All who ask for one name at a time share one lookup.
"""

import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from worker.fetching.side_threads import SideThreads

REMEMBER_S = 60.0
REMEMBER_HOSTS = 4096
LOOKUPS = 256
"""Lookups at a time: as many as a window has downloads, so that names that hang hold up nobody else."""


@dataclass(frozen=True)
class Answer:
    """What a lookup found: addresses in the system's order of preference, or why there are none."""

    addresses: tuple[str, ...]
    failure: str | None = None


class Resolver:
    """Looks host names up; thread-safe."""

    def __init__(self) -> None:
        self._threads = SideThreads(LOOKUPS)
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._asking: dict[str, list[Callable[[Answer], None]]] = {}

    def known(self, host: str) -> Answer | None:
        """Give the answer where it is remembered."""
        known = self._known.get(host)
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def ask(self, host: str, tell: Callable[[Answer], None]) -> None:
        """Look `host` up; call `tell` with the answer, on another thread, or here where there can be none."""
        with self._lock:
            asking = self._asking.setdefault(host, [])
            asking.append(tell)
            if len(asking) > 1:
                return
            try:
                self._threads.run(lambda: self._look_up(host))
            except RuntimeError as error:
                # Whoever asks next is the first again.
                del self._asking[host]
                answer = Answer((), str(error))
            else:
                return
        tell(answer)

    def resolve(self, host: str, *, timeout_s: float) -> Answer:
        """Give the answer; waits for it at most `timeout_s`."""
        known = self.known(host)
        if known is not None:
            return known
        answers: list[Answer] = []
        arrived = threading.Event()

        def tell(answer: Answer) -> None:
            answers.append(answer)
            arrived.set()

        self.ask(host, tell)
        return answers[0] if arrived.wait(timeout_s) else Answer((), f"no answer in {timeout_s} s")

    def _look_up(self, host: str) -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answer = Answer(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as error:
            answer = Answer((), getattr(error, "strerror", None) or type(error).__name__)
        with self._lock:
            if answer.addresses:
                self._known[host] = (time.monotonic() + REMEMBER_S, answer)
                self._known.move_to_end(host)
                while len(self._known) > REMEMBER_HOSTS:
                    self._known.popitem(last=False)
            asking = self._asking.pop(host)
        for tell in asking:
            tell(answer)
