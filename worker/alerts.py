"""Publishes alerts with the end of their entry, in one step; and reads them as a consumer does."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import ResponseError

from worker.entries import Entry
from worker.keyspace import Keyspace
from worker.records import Record, pack_header
from worker.scripts import Scripts


class Publisher:
    """Ends entries whose image is recorded."""

    def __init__(self, scripts: Scripts, *, keys: Keyspace, consumer: str, keep: int) -> None:
        self._scripts = scripts
        self._keys = keys
        self._consumer = consumer
        self._keep = keep

    def publish(self, batch: Sequence[tuple[Entry, Record, str]]) -> list[str]:
        """End each entry, with its alert as JSON, or "" where it has none.

        Give for each OK, DONE (an earlier delivery did it), LOST (somebody else's entry by now) or CHANGED (the server
        holds another image under this id, so that this one must be recorded again).
        """
        keys = self._keys
        replies = self._scripts.call_many(
            [
                (
                    "publish",
                    [entry.stream, keys.ids(record.image.id), keys.alerts, keys.counters],
                    [
                        self._consumer,
                        entry.id,
                        entry.delivery,
                        record.image.id,
                        record.number,
                        pack_header(record),
                        event,
                        self._keep,
                    ],
                )
                for entry, record, event in batch
            ]
        )
        return [reply[0].decode() for reply in replies]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as a consumer gets it: the stream's entry id, and the CloudEvents object."""

    entry_id: str
    event: dict[str, Any]


class AlertReader:
    """Reads alerts for a consumer group: each alert reaches the group at least once, always with the same `id`.

    Args:
        client: A connection to the archive's server, without decoded responses.
        archive: Name of the archive.
        group: Name of the consumer group; made at its first use.
        consumer: Name of this reader within the group; unique among the readers that run at the same time.
        start: Where a new group begins: "0" for all that is kept, "$" for what comes from now on.
        take_over_after_s: What another reader of the group has not acknowledged for so long is read again here.

    `missed` counts the alerts that were trimmed away before the group read them, or after a reader of it died with
    them, as far as this reader has noticed.
    """

    def __init__(  # noqa: PLR0913 - each has its own meaning and the last two have defaults
        self,
        client: redis.Redis,
        *,
        archive: str,
        group: str,
        consumer: str,
        start: str = "0",
        take_over_after_s: float = 60.0,
    ) -> None:
        self._client: Any = client  # redis-py's types are unions of all that any setting could give
        self._stream = Keyspace(archive).alerts
        self._group = group
        self._consumer = consumer
        self._start = start
        self._take_over_ms = int(take_over_after_s * 1000)
        self.missed = 0

    def read(self, *, limit: int = 100, wait_s: float = 1.0) -> list[Alert]:
        """Give up to `limit` alerts: first those that a dead reader left, then new ones; wait for the first.

        Where the trim has passed the group, `missed` grows by the alerts that nobody of it will ever read.
        """
        try:
            return self._left_behind(limit) or self._new(limit, wait_s)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._make_group()
            return self._new(limit, wait_s)

    def acknowledge(self, alerts: Sequence[Alert]) -> None:
        """Tell the server that these need not be read again."""
        if alerts:
            self._client.xack(self._stream, self._group, *(alert.entry_id for alert in alerts))

    def _left_behind(self, limit: int) -> list[Alert]:
        # Not XAUTOCLAIM: it also drops, and tells alike, what was trimmed while a living reader has it in hand.
        rows = self._client.xpending_range(
            self._stream, self._group, idle=self._take_over_ms, min="-", max="+", count=limit
        )
        if not rows:
            return []
        left = [row["message_id"] for row in rows]
        oldest = self._client.xrange(self._stream, count=1)
        taken = self._client.xclaim(
            self._stream, self._group, self._consumer, min_idle_time=self._take_over_ms, message_ids=left
        )
        self.missed += sum(not oldest or _order(entry_id) < _order(oldest[0][0]) for entry_id in left)
        return [read_alert(entry_id, fields) for entry_id, fields in taken if fields]

    def _new(self, limit: int, wait_s: float) -> list[Alert]:
        self.missed += self._trimmed_unread()
        reply = self._client.xreadgroup(
            self._group,
            self._consumer,
            {self._stream: ">"},
            count=limit,
            block=max(1, int(wait_s * 1000)),
        )
        return [read_alert(entry_id, fields) for entry_id, fields in _entries(reply)]

    def _trimmed_unread(self) -> int:
        """Count the alerts that were trimmed away before this group read them; once, since a read moves past them."""
        facts = self._client.xinfo_stream(self._stream)
        groups = {row["name"]: row for row in self._client.xinfo_groups(self._stream)}
        mine = groups.get(self._group.encode())
        if mine is None or mine["entries-read"] is None or facts["first-entry"] is None:
            return 0
        if _order(facts["first-entry"][0]) <= _order(mine["last-delivered-id"]):
            return 0
        return max(0, int(facts["entries-added"]) - int(facts["length"]) - int(mine["entries-read"]))

    def _make_group(self) -> None:
        try:
            # Told from the beginning, the server counts what the group has read, and so what it has missed.
            entries_read = 0 if self._start == "0" else None
            self._client.xgroup_create(
                self._stream, self._group, id=self._start, mkstream=True, entries_read=entries_read
            )
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


def _entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:  # noqa: ANN401 - redis-py gives two shapes
    """Flatten the reply of XREADGROUP for one stream: a list with RESP2, a map with RESP3."""
    pages = (reply or {}).values() if isinstance(reply or {}, dict) else [page for _, page in reply]
    return [entry for page in pages for entry in (page[0] if page and isinstance(page[0], list) else page)]


def _order(entry_id: bytes) -> tuple[int, ...]:
    return tuple(int(part) for part in entry_id.split(b"-"))


def read_alert(entry_id: bytes, fields: dict[bytes, bytes]) -> Alert:
    """Read an entry of the stream."""
    return Alert(entry_id.decode(), json.loads(fields[b"event"]))
