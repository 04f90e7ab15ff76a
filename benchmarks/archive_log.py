"""A log of hashes on a server of its own, and a replica that follows it in this process."""

import hashlib
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from producer.server import connect
from worker.embedded import IN_MEMORY, EmbeddedServer
from worker.indexing.sorted_run import RunArrays, SortedRun
from worker.keyspace import SEGMENT_ROWS, Keyspace
from worker.replica import Replica


class ArchiveLog:
    """A Valkey server that holds the first rows of a population as an archive's log; a context manager."""

    def __init__(self, population: NDArray[np.uint64]) -> None:
        self.population = population
        self.rows = 0
        self.keys = Keyspace("benchmark")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalike-")))
        server = self._stack.enter_context(EmbeddedServer(self.home / "server", config=IN_MEMORY))
        self.url = server.url
        self.client = self._stack.enter_context(connect(server.url))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def cache_dir(self) -> Path:
        """Where replicas of this machine share their files."""
        return self.home / "cache"

    def open_replica(self) -> Replica:
        """Open a replica; the caller closes it."""
        return Replica(connect(self.url), self.keys, cache_dir=self.cache_dir)

    def grow(self, rows: int) -> None:
        """Append up to `rows` rows, a segment at a time; what replicas see is what appends of 64 would leave."""
        while self.rows < rows:
            segment, offset = divmod(self.rows, SEGMENT_ROWS)
            end = min(rows, (segment + 1) * SEGMENT_ROWS)
            key = self.keys.segment(segment)
            data = self.population[self.rows : end].astype(">u8").tobytes()
            with self.client.pipeline(transaction=True) as pipe:
                pipe.append(key, data)
                pipe.hset(self.keys.counters, "rows", end)
                if end % SEGMENT_ROWS == 0:
                    whole = (
                        data
                        if not offset
                        else self.population[segment * SEGMENT_ROWS : end].astype(">u8").tobytes()
                    )
                    pipe.hset(self.keys.seals, str(segment), hashlib.sha1(whole).hexdigest())
                pipe.execute()
            self.rows = end


def wait_complete(replica: Replica) -> float:
    """Let the replica read on until its runs are built; give the seconds that it took."""
    begin = time.perf_counter()
    replica.catch_up()
    while not replica.is_complete:
        time.sleep(0.05)
        replica.catch_up()
    return time.perf_counter() - begin


def mapped_runs(replica: Replica) -> list[RunArrays]:
    """Give the runs that a complete replica maps."""
    return [piece.arrays for piece in replica._sealed.pieces if isinstance(piece, SortedRun)]  # noqa: SLF001


def count_mapped_bytes(replica: Replica) -> int:
    """Count the bytes of the runs that a complete replica maps."""
    return sum(run.copies.nbytes + run.starts.nbytes + run.rows.nbytes for run in mapped_runs(replica))
