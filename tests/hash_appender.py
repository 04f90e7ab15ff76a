"""Appends to a log of distinct hashes as `record.lua` does, thousands at a time, and keeps what it should hold."""

import hashlib
import time

import numpy as np
import redis
from numpy.typing import NDArray

from worker.keyspace import SEGMENT_ROWS, Keyspace
from worker.replica import Replica

_APPEND = """
local rows = tonumber(redis.call('HGET', KEYS[1], 'rows') or 0)
for at = 1, #ARGV[2], 8 * 1024 do
  local segment = ARGV[1] .. 'hashes:' .. string.format('%d', math.floor(rows / 65536))
  redis.call('APPEND', segment, string.sub(ARGV[2], at, at + 8 * 1024 - 1))
  rows = rows + math.min(1024, (#ARGV[2] - at + 1) / 8)
  if rows % 65536 == 0 then
    redis.call('HSET', KEYS[2], string.format('%d', rows / 65536 - 1), redis.sha1hex(redis.call('GET', segment)))
  end
end
redis.call('HSET', KEYS[1], 'rows', string.format('%d', rows))
"""


class HashAppender:
    """Writes a log; `rows` is what a search has to see."""

    def __init__(self, client: redis.Redis, keys: Keyspace, *, seed: int = 0) -> None:
        self.client = client
        self.keys = keys
        self.rows = np.empty(0, np.uint64)
        self.rng = np.random.default_rng(seed)

    def draw(self, count: int) -> NDArray[np.uint64]:
        """Draw distinct hashes, a quarter of them near older ones."""
        fresh = self.rng.integers(0, 2**64, count, dtype=np.uint64)
        if len(self.rows):
            near = self.rng.choice(self.rows, count // 4)
            for _ in range(4):
                near ^= np.uint64(1) << self.rng.integers(0, 64, len(near), dtype=np.uint64)
            fresh[: len(near)] = near
        _, first = np.unique(fresh, return_index=True)
        return fresh[np.sort(first)]

    def append(self, hashes: NDArray[np.uint64]) -> None:
        """Append in steps that end at multiples of 1,024 rows, so that no step crosses a segment's border."""
        at = 0
        while at < len(hashes):
            to_border = 1024 - len(self.rows) % 1024
            step = to_border if to_border < 1024 else 64 * 1024
            part = hashes[at : at + step]
            keys = [self.keys.counters, self.keys.seals]
            self.client.eval(_APPEND, 2, *keys, self.keys.prefix, part.astype(">u8").tobytes())
            self.rows = np.concatenate([self.rows, part])
            at += len(part)

    def rewrite(self, rows: NDArray[np.uint64]) -> None:
        """Put another log in the place of this one, as a failover or a restore does."""
        with self.client.pipeline(transaction=True) as pipe:
            pipe.delete(self.keys.seals, self.keys.counters)
            for segment in range(-(-max(len(rows), len(self.rows)) // SEGMENT_ROWS)):
                data = rows[segment * SEGMENT_ROWS : (segment + 1) * SEGMENT_ROWS].astype(">u8").tobytes()
                pipe.set(self.keys.segment(segment), data) if data else pipe.delete(
                    self.keys.segment(segment)
                )
                if len(data) == SEGMENT_ROWS * 8:
                    pipe.hset(self.keys.seals, str(segment), hashlib.sha1(data).hexdigest())
            pipe.hset(self.keys.counters, "rows", len(rows))
            pipe.execute()
        self.rows = rows

    def cut_connections(self) -> None:
        """Cut every other connection, as a server that takes over does."""
        self.client.client_kill_filter(_type="normal", skipme=True)

    def check(
        self, replica: Replica, *, queries: int = 6, max_distance: int = 10, horizons: bool = True
    ) -> None:
        """Compare searches over the whole log, and at random horizons, with a scan."""
        chosen = self.draw(queries)
        if len(self.rows):
            chosen[: queries // 2] = self.rng.choice(self.rows, len(chosen[: queries // 2]))
        before = self.rng.integers(0, len(self.rows) + 1, len(chosen))
        for limit in [None, before] if horizons else [None]:
            found = replica.search(chosen, max_distance=max_distance, before=limit)
            for number, (query, (hashes, distances)) in enumerate(zip(chosen, found, strict=True)):
                rows = self.rows if limit is None else self.rows[: limit[number]]
                expected = np.unique(rows[np.bitwise_count(rows ^ query) <= max_distance])
                assert np.array_equal(np.sort(hashes), expected)
                assert np.array_equal(distances, np.bitwise_count(hashes ^ query))
                assert (np.diff(distances.astype(int)) >= 0).all()


def wait_built(replica: Replica) -> None:
    """Read on until every full segment is in a run of the plan."""
    end = time.monotonic() + 60
    replica.catch_up()
    while not replica.is_complete:
        assert time.monotonic() < end, "the runs were not built"
        time.sleep(0.02)
        replica.catch_up()
