"""Follows the log of distinct hashes and searches it: what another process recorded is found here at once."""

from pathlib import Path

import numpy as np
import redis
from numpy.typing import NDArray

from worker.hash_log import HashLog, LogConnection, LogDamagedError, Reading
from worker.index import HammingIndex, Matches
from worker.index_cache import compute_seal
from worker.keyspace import SEGMENT_ROWS, Keyspace
from worker.pieces import FlatRows
from worker.sealed_rows import SealedRows

_ATTEMPTS = 4


class Replica:
    """The index of one archive in one process; for one thread, built after the fork.

    Errors of redis-py pass through; afterwards the replica still holds rows of one log, and the next call
    reads on.
    """

    def __init__(self, redis_client: redis.Redis, keys: Keyspace, *, cache_dir: Path) -> None:
        self._log = HashLog(redis_client, keys)
        self._sealed = SealedRows(cache_dir / keys.archive)
        self._tail = np.empty(SEGMENT_ROWS, np.uint64)
        self._tail_rows = 0
        self._uuid: bytes | None = None

    @property
    def rows(self) -> int:
        """Rows of the log that are held."""
        return len(self._sealed.seals) * SEGMENT_ROWS + self._tail_rows

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
        rows = None if before is None else int(before.max(initial=0))
        if rows is None or rows > self.rows or self._sealed.is_due() or not self._log.is_known():
            self.catch_up(rows)
        tail = FlatRows(self._tail[: self._tail_rows], first_row=self.rows - self._tail_rows)
        return HammingIndex([*self._sealed.pieces, tail]).search(
            queries, max_distance=max_distance, before=before
        )

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
        self._tail_rows = 0
        try:
            seals, self._uuid = connection.read_seals()
            self._sealed.adopt(seals, connection.read_segment)
        except BaseException:
            connection.forget()
            raise

    def _read(self, connection: LogConnection) -> None:
        """Read on from one row before the end: a log that differs there is another one."""
        while True:
            overlap = min(1, self._tail_rows)
            reading = connection.read(self.rows - overlap)
            if not self._continues(reading, overlap):
                connection.forget()
                return
            new = reading.hashes[overlap:]
            self._tail[self._tail_rows : self._tail_rows + len(new)] = new
            self._tail_rows += len(new)
            if self._tail_rows == SEGMENT_ROWS:
                self._tail_rows = 0
                self._sealed.append(compute_seal(self._tail), self._tail)
                self._tail = np.empty(SEGMENT_ROWS, np.uint64)
            if self.rows >= reading.rows:
                return

    def _continues(self, reading: Reading, overlap: int) -> bool:
        seals = self._sealed.seals
        return (
            reading.rows >= self.rows
            and reading.uuid == self._uuid
            and np.array_equal(
                reading.hashes[:overlap], self._tail[self._tail_rows - overlap : self._tail_rows]
            )
            and (not seals or reading.seal_before == seals[-1])
        )
