"""Who owns an entry of the streams: taking, renewing, giving back, and the two ends other than an alert.

Each step is a script that begins with the fence: it does nothing unless the entry is pending for exactly this
consumer with this delivery number. A process that was stopped for longer than its lease therefore changes nothing
when it wakes up.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from redis.exceptions import RedisError

from producer.names import Lane
from worker.entries import Entry
from worker.errors import ArchiveMissingError
from worker.keyspace import Keyspace
from worker.scripts import Scripts

logger = logging.getLogger(__name__)


class Ownership:
    """What one consumer does with the entries that it holds. Safe to use from several threads."""

    def __init__(self, scripts: Scripts, *, keys: Keyspace, consumer: str, lease_s: float) -> None:
        self._scripts = scripts
        self._keys = keys
        self.consumer = consumer
        self.lease_s = lease_s
        self.uuid = scripts.uuid
        self._lease_ms = int(lease_s * 1000)

    def take(self, lanes: Sequence[Lane], *, limit: int, abandoned: bool) -> list[Entry]:
        """Take up to `limit` entries in the order of `lanes`; with `abandoned`, those without a living owner first."""
        if limit <= 0:
            return []
        streams = [self._keys.stream(lane) for lane in lanes]
        lease_ms = self._lease_ms if abandoned else 0
        taken = self._scripts.call("take", streams, [self.consumer, lease_ms, limit])[1:]
        return [
            Entry(
                lane=lanes[position],
                stream=streams[position],
                id=entry_id.decode(),
                delivery=delivery,
                fields=dict(zip(fields[::2], fields[1::2], strict=True)),
            )
            for position, entry_id, delivery, fields in taken
        ]

    def renew(self, entries: Iterable[Entry]) -> set[tuple[str, str]]:
        """Renew the lease of `entries`; give (stream, id) of those that are somebody else's by now."""
        lost: set[tuple[str, str]] = set()
        for stream, pairs in _by_stream(entries).items():
            reply = self._scripts.call("renew", [stream], [self.consumer, *pairs])
            lost.update((stream, entry_id.decode()) for entry_id in reply[1:])
        return lost

    def give_back(self, entries: Iterable[Entry]) -> None:
        """Free `entries` at once for anybody; the delivery does not count."""
        for stream, pairs in _by_stream(entries).items():
            self._scripts.call("give_back", [stream], [self.consumer, self._lease_ms, *pairs])

    def fail(  # noqa: PLR0913 - what a failure consists of
        self, entry: Entry, *, image_id: str | None, reason: str, detail: str, attempts: int, keep: int
    ) -> str:
        """End an entry in `failures`. Give OK, LOST, GONE, or RECORDED: then it is recorded, and nothing was done."""
        reply = self._scripts.call(
            "fail",
            [entry.stream, self._keys.failures, self._keys.ids(image_id or "")],
            [
                self.consumer,
                entry.id,
                entry.delivery,
                image_id or "",
                f"images:{entry.lane}",
                reason,
                detail,
                attempts,
                keep,
            ],
        )
        return str(reply[0].decode())

    def retry(self, entry: Entry, *, delay_s: float, attempts: int, deaths: int) -> str:
        """Let an entry wait in `delayed`. Give OK, LOST or GONE."""
        lane = entry.fields.get(b"lane", entry.lane.encode())
        reply = self._scripts.call(
            "retry",
            [entry.stream, self._keys.delayed],
            [self.consumer, entry.id, entry.delivery, int(delay_s * 1000), attempts, deaths, lane],
        )
        return str(reply[0].decode())


def _by_stream(entries: Iterable[Entry]) -> dict[str, list[str | int]]:
    pairs: dict[str, list[str | int]] = {}
    for entry in entries:
        pairs.setdefault(entry.stream, []).extend((entry.id, entry.delivery))
    return pairs


class LeaseKeeper:
    """Renews, from a thread, the lease of all that its process holds, at a third of the lease."""

    def __init__(self, ownership: Ownership, *, on_error: Callable[[Exception], None]) -> None:
        self._ownership = ownership
        self._on_error = on_error
        self._held: dict[tuple[str, str], Entry] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def add(self, entry: Entry) -> None:
        """Begin to renew `entry`."""
        with self._lock:
            self._held[entry.stream, entry.id] = entry

    def drop(self, entry: Entry) -> None:
        """Cease to renew `entry`; what was lost and taken again is another delivery, and stays."""
        with self._lock:
            if self._held.get((entry.stream, entry.id)) is entry:
                del self._held[entry.stream, entry.id]

    def holds(self, entry: Entry) -> bool:
        """Tell whether `entry` is still this process's, as far as the last renewal knows."""
        with self._lock:
            return self._held.get((entry.stream, entry.id)) is entry

    def held(self) -> list[Entry]:
        """List the entries that are renewed."""
        with self._lock:
            return list(self._held.values())

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while not self._stop.wait(self._ownership.lease_s / 3):
            entries = self.held()
            if not entries:
                continue
            try:
                lost = self._ownership.renew(entries)
            except (RedisError, OSError, ArchiveMissingError) as error:
                self._on_error(error)
                continue
            except Exception:
                # As where a decoder has taken all memory: were the thread to end, no lease would be renewed any more.
                logger.exception("leases were not renewed")
                continue
            for entry in entries:
                if (entry.stream, entry.id) in lost:
                    self.drop(entry)
