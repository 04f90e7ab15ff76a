"""Stops producers before the server's memory is full: workers need the rest to record what was accepted."""

import time
from collections.abc import Mapping
from typing import Any

MEMORY_SHARE = 0.85
"""Producers stop when this share of the server's `maxmemory` is used."""

ASK_EVERY_S = 1.0


class MemoryWatch:
    """Remembers how full the server is, so that it is asked once a second at most."""

    def __init__(self) -> None:
        self._next_ask = 0.0
        self._is_full = False
        self._may_ask = True

    @property
    def is_due(self) -> bool:
        """Whether the server should be asked (`INFO memory`) before the next append."""
        return self._may_ask and time.monotonic() >= self._next_ask

    @property
    def is_full(self) -> bool:
        """Whether nothing may be appended, as of the last answer."""
        return self._is_full

    def note_answer(self, memory: Mapping[str, Any]) -> None:
        """Take in the answer to `INFO memory`; a `maxmemory` of 0 is no limit."""
        limit = int(memory.get("maxmemory", 0))
        self._is_full = limit > 0 and int(memory.get("used_memory", 0)) >= MEMORY_SHARE * limit
        self._next_ask = time.monotonic() + ASK_EVERY_S

    def note_forbidden(self) -> None:
        """Go without: this user may not ask, and the server refuses by itself at 100 %."""
        self._may_ask = False
