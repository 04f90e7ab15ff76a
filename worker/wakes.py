"""Wake-ups as a child sees them: it wakes the next child, and tells producers that none is needed while it works.

A producer sends a wake-up only when it can take the key `wake`. A child that works holds the key, so that a feed which
goes on for days behind busy children leaves no pile of wake-ups in the broker; it lets go before it lingers, so that
whatever is appended from then on comes with a wake-up of its own.
"""

from collections.abc import Callable
from time import monotonic

import redis

from producer.names import WAKE_TTL_MS, Names

_HOLD_EVERY_S = WAKE_TTL_MS / 1000 / 4


class WakeUps:
    """The wake-ups of one child. `send` is what sends one, if the key can be taken. Key: wake (string)."""

    def __init__(self, client: redis.Redis, *, names: Names, send: Callable[[], object]) -> None:
        self._client = client
        self._key = names.wake
        self.send = send
        self._held_at: float | None = None

    def forget(self) -> None:
        """Begin: the wake-up that started this drain has arrived, and the next one may be sent."""
        self._client.delete(self._key)

    def hold(self) -> None:
        """Tell producers that somebody is awake; at most twice a second, and otherwise free of cost."""
        if self._held_at is None or monotonic() - self._held_at >= _HOLD_EVERY_S:
            self._client.set(self._key, "1", px=WAKE_TTL_MS)
            self._held_at = monotonic()

    def release(self) -> None:
        """Let producers send wake-ups again: nothing is in hand."""
        if self._held_at is not None:
            self._client.delete(self._key)
            self._held_at = None
