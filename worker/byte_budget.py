"""The bytes of arrived, unhashed downloads: an upper bound that readers wait for."""

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
        self._changed = threading.Condition(threading.Lock())

    def open(self, download: Hashable) -> None:
        """Note a download; the first noted of those not closed is the oldest."""
        with self._changed:
            self._held[download] = 0

    def take(self, download: Hashable, size: int, *, urgent: bool) -> None:
        """Wait until `download` may read `size` more bytes; at once where it was closed meanwhile."""
        limit = self._limit_bytes if urgent else self._limit_bytes - self._limit_bytes // URGENT_SHARE
        with self._changed:
            while download in self._held and self._used + size > limit and next(iter(self._held)) != download:
                self._changed.wait()
            if download in self._held:
                self._held[download] += size
                self._used += size

    def close(self, download: Hashable) -> None:
        """Free what `download` holds; it was handed out, failed, or is forgotten."""
        with self._changed:
            self._used -= self._held.pop(download, 0)
            self._changed.notify_all()

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        return self._used
