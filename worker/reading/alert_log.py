"""Reads the stream of alerts as a bystander: no consumer group, nothing acknowledged, no trace on the server."""

from collections.abc import Iterator
from typing import Any

import redis

from worker.alerts import Alert, read_alert
from worker.keyspace import Keyspace

BEGINNING = "0-0"
"""The position before the oldest alert that is kept."""

_PAGE = 100


class AlertLog:
    """The alerts that are kept. A position is the entry id of the last alert that was read."""

    def __init__(self, client: redis.Redis, *, keys: Keyspace) -> None:
        self._client: Any = client  # redis-py's types are unions of all that any setting could give
        self._stream = keys.alerts

    def read(self, position: str) -> Iterator[Alert]:
        """Give all alerts after `position`, oldest first, a page at a time."""
        while page := self._client.xrange(self._stream, min=f"({position}", max="+", count=_PAGE):
            for entry_id, fields in page:
                yield read_alert(entry_id, fields)
            position = page[-1][0].decode()

    def wait(self, position: str, *, timeout_s: float) -> bool:
        """Wait until there is an alert after `position`; False where `timeout_s` is over first."""
        return bool(self._client.xread({self._stream: position}, count=1, block=int(timeout_s * 1000)))

    def end(self) -> str:
        """Give the position after which comes what is published from now on."""
        latest = self._client.xrevrange(self._stream, count=1)
        return latest[0][0].decode() if latest else BEGINNING

    def position_at(self, moment_ms: int) -> str:
        """Give the position before the first alert that was published at `moment_ms` or later."""
        return f"{moment_ms - 1}-{2**64 - 1}" if moment_ms > 0 else BEGINNING

    def position_of(self, event_id: str) -> str | None:
        """Give the position of the alert with this CloudEvents `id`; None where it is not kept.

        Reads back from the end: the alert that somebody saw last is near it.
        """
        last = "+"
        while page := self._client.xrevrange(self._stream, max=last, min="-", count=_PAGE):
            for entry_id, fields in page:
                if read_alert(entry_id, fields).event["id"] == event_id:
                    return str(entry_id.decode())
            last = f"({page[-1][0].decode()}"
        return None
