"""Follows the log of distinct hashes and searches it: what another process recorded is found here at once."""

from pathlib import Path

import numpy as np
import redis
from numpy.typing import NDArray

from worker.errors import LogDamagedError
from worker.index import HammingIndex, Matches
from worker.indexing.hash_log import HashLog, LogConnection, Reading
from worker.indexing.index_cache import compute_seal
from worker.indexing.open_segment import OpenSegment
from worker.indexing.sealed_rows import SealedRows
from worker.keyspace import SEGMENT_ROWS, Keyspace

_ATTEMPTS = 4


class Replica:
    """The index of one archive in one process; for one thread, built after the fork.

    Errors of redis-py pass through; afterwards the replica still holds rows of one log, and the next call
    reads on.
    """

    def __init__(self, redis_client: redis.Redis, keys: Keyspace, *, cache_dir: Path) -> None:
        self._log = HashLog(redis_client, keys)
        self._sealed = SealedRows(cache_dir / keys.archive)
        self._open = OpenSegment()
        self._uuid: bytes | None = None

    @property
    def rows(self) -> int:
        """Rows of the log that are held."""
        return len(self._sealed.seals) * SEGMENT_ROWS + len(self._open)

    @property
    def is_complete(self) -> bool:
        """Whether every full segment is in one of the runs that are planned for so many."""
        return self._sealed.is_complete

    def close(self) -> None:
        """End what was started; the replica is not to be used any more."""
        self._sealed.close()

    def search(
        self, queries: NDArray[np.uint64], *, max_distance: int, before: NDArray[np.int64] | None = None
    ) -> list[Matches]:
        """Find the distinct hashes within `max_distance` bits of each query, as `HammingIndex.search` does.

        Reads the log first: up to the largest horizon, or to its present end where `before` is None.
        """
        if not len(queries):
            return []
        rows = None if before is None else int(before[0] if len(before) == 1 else before.max())
        if rows is None or rows > self.rows or self._sealed.is_due() or not self._log.is_known():
            self.catch_up(rows)
        index = HammingIndex([*self._sealed.pieces, *self._open.pieces(self.rows - len(self._open))])
        return index.search(queries, max_distance=max_distance, before=before)

    def catch_up(self, rows: int | None = None) -> None:
        """Read the log until `rows` rows are held, or to its present end.

        Fewer are held afterwards only where the server lost some in a failover.

        Raises:
            LogDamagedError: The log contradicts itself.
        """
        is_second_look = False
        for _ in range(_ATTEMPTS):
            with self._log.connect() as connection:
                if not connection.is_known:
                    self._compare(connection)
                if rows is None or self.rows < rows:
                    self._read(connection)
                if self._sealed.is_due():
                    self._sealed.look_after(connection.read_segment)
                if not connection.is_known:
                    continue
                if rows is None or self.rows >= rows or is_second_look:
                    return
                # The rows may be on a server that took over from the one behind this connection.
                connection.reconnect()
                is_second_look = True
        raise LogDamagedError(f"seals and rows of the log contradict each other near row {self.rows}")

    def _compare(self, connection: LogConnection) -> None:
        """Drop what the server does not hold: the open segment, and every segment with another seal."""
        connection.mark_known()
        self._open.clear()
        try:
            seals, self._uuid = connection.read_seals()
            self._sealed.adopt(seals, connection.read_segment)
        except BaseException:
            connection.forget()
            raise

    def _read(self, connection: LogConnection) -> None:
        """Read on from one row before the end: a log that differs there is another one."""
        while True:
            overlap = min(1, len(self._open))
            reading = connection.read(self.rows - overlap)
            if not self._continues(reading, overlap):
                connection.forget()
                return
            self._open.append(reading.hashes[overlap:])
            if len(self._open) == SEGMENT_ROWS:
                full = self._open.hashes
                self._open.clear()
                self._sealed.append(compute_seal(full), full)
            if self.rows >= reading.rows:
                return

    def _continues(self, reading: Reading, overlap: int) -> bool:
        seals = self._sealed.seals
        return (
            reading.rows >= self.rows
            and reading.uuid == self._uuid
            and np.array_equal(reading.hashes[:overlap], self._open.hashes[len(self._open) - overlap :])
            and (not seals or reading.seal_before == seals[-1])
        )
