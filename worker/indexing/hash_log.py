"""Reads the log of distinct hashes, and notices when the server behind a connection may hold another one."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import NamedTuple, cast
from weakref import WeakSet

import numpy as np
import redis
from numpy.typing import NDArray
from redis.connection import ConnectionInterface

from worker.errors import LogDamagedError
from worker.indexing.index_cache import compute_seal
from worker.keyspace import SEGMENT_ROWS, Keyspace

ROW_BYTES = 8
_READ_LOG = resources.files("worker").joinpath("lua/read_log.lua").read_text()


class Reading(NamedTuple):
    """A stretch of one segment, and what proves to which log it belongs."""

    rows: int
    seal_before: bytes | None
    uuid: bytes | None
    hashes: NDArray[np.uint64]


class KnownConnections:
    """Which connections lead to the server whose seals were compared.

    A connection that is new, or has reconnected, may lead to another server: then the seals are compared on it, and
    again on each of the others before it is used.
    """

    def __init__(self) -> None:
        self._seen: WeakSet[ConnectionInterface] = WeakSet()
        self._known: WeakSet[ConnectionInterface] = WeakSet()

    def __contains__(self, connection: ConnectionInterface) -> bool:
        return connection in self._known

    def watch(self, connection: ConnectionInterface) -> None:
        """Hear of it when this connection reconnects."""
        connection.register_connect_callback(self.forget)  # type: ignore[no-untyped-call]  # redis-py has no types here

    def add(self, connection: ConnectionInterface) -> None:
        """Say that the seals are about to be compared on this connection."""
        if connection not in self._seen:
            self._seen.add(connection)
            self._known.clear()
        self._known.add(connection)

    def forget(self, connection: ConnectionInterface) -> None:
        """Say that this connection reconnected, or showed another log: the others may lead to where it led before."""
        self._seen.discard(connection)
        self._known.clear()


class LogConnection:
    """One connection for several reads."""

    def __init__(
        self, client: redis.Redis, connection: ConnectionInterface, keys: Keyspace, known: KnownConnections
    ) -> None:
        self._client = client
        self._connection = connection
        self._keys = keys
        self._known = known

    @property
    def is_known(self) -> bool:
        """Whether nothing reconnected since the seals were compared."""
        return self._connection in self._known

    def mark_known(self) -> None:
        """Say that the seals are about to be compared."""
        self._known.add(self._connection)

    def forget(self) -> None:
        """Say that the log is not the one that was compared."""
        self._known.forget(self._connection)

    def reconnect(self) -> None:
        """Leave this server: the next command looks up the address again."""
        self.forget()
        self._connection.disconnect()  # type: ignore[no-untyped-call]  # redis-py has no types here

    def read_seals(self) -> tuple[list[bytes], bytes | None]:
        """Give the seals of all full segments from the first on, and the archive's uuid."""
        sealed = cast("dict[bytes, bytes]", self._client.hgetall(self._keys.seals))
        uuid = cast("bytes | None", self._client.hget(self._keys.archive_facts, "uuid"))
        seals: list[bytes] = []
        while (seal := sealed.get(b"%d" % len(seals))) is not None:
            seals.append(seal)
        return seals, uuid

    def read(self, row: int) -> Reading:
        """Read from `row` to the end of its segment."""
        segment, offset = divmod(row, SEGMENT_ROWS)
        keys = [self._keys.segment(segment), self._keys.seals, self._keys.counters, self._keys.archive_facts]
        rows, seal, uuid, data = self._client.eval(
            _READ_LOG, len(keys), *keys, offset * ROW_BYTES, segment - 1
        )
        reading = Reading(int(rows or 0), seal, uuid, np.frombuffer(data, dtype=">u8").astype(np.uint64))
        expected = min(reading.rows, (segment + 1) * SEGMENT_ROWS) - row
        if len(data) != max(0, expected) * ROW_BYTES:
            raise LogDamagedError(
                f"{keys[0]} holds {len(data)} bytes from row {row} on, the counter says {reading.rows} rows"
            )
        return reading

    def read_segment(self, number: int, seal: bytes) -> NDArray[np.uint64]:
        """Read a full segment and check it against its seal."""
        hashes = self.read(number * SEGMENT_ROWS).hashes
        if compute_seal(hashes) != seal:
            raise LogDamagedError(
                f"segment {number} of the log does not have the seal that the server holds for it"
            )
        return hashes


class HashLog:
    """The log behind a client's pool of connections."""

    def __init__(self, redis_client: redis.Redis, keys: Keyspace) -> None:
        self._pool = redis_client.connection_pool
        self._client = redis.Redis(connection_pool=self._pool)
        self._keys = keys
        self._known = KnownConnections()

    def is_known(self) -> bool:
        """Whether the connection that the pool gives next, the one used last, is known; no round trip."""
        # Taking it from the pool also polls its socket, which costs as much as a search (90 us, decision 0013).
        idle = getattr(self._pool, "_available_connections", ())
        for last in idle[-1:]:  # none, where another thread has just taken it
            return last in self._known
        connection = self._pool.get_connection()
        try:
            return connection in self._known
        finally:
            self._pool.release(connection)

    @contextmanager
    def connect(self) -> Iterator[LogConnection]:
        """Take one connection from the pool for several reads.

        `Redis.client()` would do the same for 70 us more, and its pipelines would take another connection.
        """
        connection = self._pool.get_connection()
        try:
            self._known.watch(connection)
            self._client.connection = connection
            yield LogConnection(self._client, connection, self._keys, self._known)
        finally:
            self._client.connection = None
            self._pool.release(connection)
