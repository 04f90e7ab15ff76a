"""The bytes of arrived, unhashed downloads: an upper bound that downloads wait for."""

import threading
from collections.abc import Hashable

URGENT_SHARE = 8
"""One eighth of the budget is kept for urgent downloads."""


class ByteBudget:
    """Counts bytes in memory; beyond `limit_bytes` only the oldest download reads on. Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used = 0
        self._held: dict[Hashable, int] = {}
        self._is_waited_for = False
        self._lock = threading.Lock()

    def open(self, download: Hashable) -> None:
        """Note a download; the first noted of those not closed is the oldest."""
        with self._lock:
            self._held[download] = 0

    def take(self, download: Hashable, size: int, *, urgent: bool) -> bool:
        """Let `download` keep `size` more bytes; False where it must wait until `close` frees some."""
        limit = self._limit_bytes if urgent else self._limit_bytes - self._limit_bytes // URGENT_SHARE
        with self._lock:
            held = self._held.get(download)
            if held is None:
                return True
            if self._used + size > limit and next(iter(self._held)) is not download:
                self._is_waited_for = True
                return False
            self._held[download] = held + size
            self._used += size
            return True

    def close(self, download: Hashable) -> bool:
        """Free what `download` holds: it was handed out or is forgotten. True where another waits for that."""
        with self._lock:
            self._used -= self._held.pop(download, 0)
            is_waited_for, self._is_waited_for = self._is_waited_for, False
            return is_waited_for

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        return self._used
