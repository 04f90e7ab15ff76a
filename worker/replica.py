"""Follows the log of distinct hashes and searches it: what another process recorded is found here at once."""

import hashlib
from pathlib import Path

import numpy as np
import redis
from numpy.typing import NDArray

from worker.hash_log import HashLog, LogConnection
from worker.index import FlatRows, HammingIndex, Matches
from worker.keyspace import SEGMENT_ROWS, Keyspace

_ATTEMPTS = 4


class Replica:
    """The index of one archive in one process; for one thread, built after the fork.

    Errors of redis-py pass through; afterwards the replica still holds rows of one log, and the next call
    reads on.
    """

    def __init__(self, redis_client: redis.Redis, keys: Keyspace, *, cache_dir: Path) -> None:
        self._log = HashLog(redis_client, keys)
        self._cache_dir = cache_dir
        self._seals: list[bytes] = []
        self._sealed: list[FlatRows] = []
        self._tail = np.empty(SEGMENT_ROWS, np.uint64)
        self._tail_rows = 0
        self._uuid: bytes | None = None

    @property
    def rows(self) -> int:
        """Rows of the log that are held."""
        return len(self._seals) * SEGMENT_ROWS + self._tail_rows

    def close(self) -> None:
        """Let go of files and processes."""

    def search(
        self, queries: NDArray[np.uint64], *, max_distance: int, before: NDArray[np.int64] | None = None
    ) -> list[Matches]:
        """Find the distinct hashes within `max_distance` bits of each query, as `HammingIndex.search` does.

        Reads the log first: up to the largest horizon, or to its present end where `before` is None.
        """
        rows = None if before is None else int(before.max(initial=0))
        if rows is None or rows > self.rows or not self._log.is_known():
            self.catch_up(rows)
        tail = FlatRows(self._tail[: self._tail_rows], first_row=len(self._seals) * SEGMENT_ROWS)
        return HammingIndex([*self._sealed, tail]).search(queries, max_distance=max_distance, before=before)

    def catch_up(self, rows: int | None = None) -> None:
        """Read the log until `rows` rows are held, or to its present end.

        Fewer are held afterwards only where the server lost some in a failover.
        """
        for _ in range(_ATTEMPTS):
            with self._log.connect() as connection:
                if not connection.is_known:
                    self._compare(connection)
                if rows is None or self.rows < rows:
                    self._read(connection)
                if not connection.is_known:
                    continue
                if rows is None or self.rows >= rows:
                    return
                connection.reconnect()
        if not self._log.is_known():
            raise redis.ConnectionError("the connection changed with every attempt to read the log")

    def _compare(self, connection: LogConnection) -> None:
        """Drop what the server does not hold: every row above the last seal on which both agree."""
        connection.mark_known()
        seals, self._uuid = connection.read_seals()
        agreed = 0
        while agreed < min(len(seals), len(self._seals)) and seals[agreed] == self._seals[agreed]:
            agreed += 1
        del self._seals[agreed:]
        del self._sealed[agreed:]
        self._tail_rows = 0

    def _read(self, connection: LogConnection) -> None:
        while True:
            overlap = min(1, self._tail_rows)
            reading = connection.read(self.rows - overlap)
            if (
                reading.rows < self.rows
                or reading.uuid != self._uuid
                or not np.array_equal(
                    reading.hashes[:overlap], self._tail[self._tail_rows - overlap : self._tail_rows]
                )
                or (self._seals and reading.seal_before != self._seals[-1])
            ):
                connection.forget()
                return
            new = reading.hashes[overlap:]
            self._tail[self._tail_rows : self._tail_rows + len(new)] = new
            self._tail_rows += len(new)
            if self._tail_rows == SEGMENT_ROWS:
                self._seal()
            if self.rows >= reading.rows:
                return

    def _seal(self) -> None:
        hashes = self._tail
        self._sealed.append(FlatRows(hashes, first_row=len(self._seals) * SEGMENT_ROWS))
        self._seals.append(
            hashlib.sha1(hashes.astype(">u8").tobytes(), usedforsecurity=False).hexdigest().encode()
        )
        self._tail = np.empty(SEGMENT_ROWS, np.uint64)
        self._tail_rows = 0
