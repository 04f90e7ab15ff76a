"""The full segments of the log, as sorted runs where these are built, else row by row."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worker.indexing.building import Building
from worker.indexing.index_cache import IndexCache
from worker.indexing.levels import RunName, cover, name_run, plan_runs
from worker.indexing.memory_limit import read_memory_limit
from worker.indexing.pieces import FlatRows, Piece
from worker.keyspace import SEGMENT_ROWS

if TYPE_CHECKING:
    from worker.indexing.sorted_run import SortedRun

ReadSegment = Callable[[int, bytes], NDArray[np.uint64]]
"""Reads a full segment with this number and this seal from the server."""

BYTES_PER_HASH = 36
"""Mapped by all processes of a machine together: four copies and a row number."""

_LOOK_EVERY_S = 0.5
_TELL_EVERY_S = 2.0
_logger = logging.getLogger(__name__)


class SealedRows:
    """What is held of the full segments; `pieces` always covers exactly the segments of `seals`."""

    def __init__(self, folder: Path) -> None:
        self.seals: list[bytes] = []
        self.pieces: list[Piece] = []
        self._cache = IndexCache(folder)
        self._building = Building(self._cache)
        self._runs: dict[RunName, SortedRun] = {}
        self._segments: dict[tuple[int, bytes], FlatRows] = {}
        self.is_complete = True
        self._look_at_s = 0.0
        self._is_warned = False

    def close(self) -> None:
        """End what was started."""
        self._building.close()

    def is_due(self) -> bool:
        """Whether a run is missing and it is time to look for it."""
        return not self.is_complete and time.monotonic() >= self._look_at_s

    def append(self, seal: bytes, hashes: NDArray[np.uint64]) -> None:
        """Take over the open segment, which is full now."""
        number = len(self.seals)
        shared = self._cache.write_segment(seal, hashes)
        self._segments[number, seal] = FlatRows(shared, first_row=number * SEGMENT_ROWS)
        self.seals.append(seal)
        self.pieces.append(self._segments[number, seal])
        self.is_complete = False
        self._look_at_s = 0.0

    def adopt(self, seals: Sequence[bytes], read_segment: ReadSegment) -> None:
        """Hold these segments and no others; what is in no file comes from the server."""
        self._warn_if_large(len(seals))
        spans = plan_runs(len(seals))
        runs: dict[RunName, SortedRun] = {}

        def is_usable(name: RunName) -> bool:
            run = self._runs.get(name) or self._cache.open_run(name)
            if run is not None:
                runs[name] = run
            return run is not None

        held = [
            name for name in self._runs if name.span.end <= len(seals) and name == name_run(seals, name.span)
        ]
        names = cover(spans, {*held, *self._cache.list_runs(seals)}, is_usable)
        covered = [segment for name in names for segment in range(*name.span)]
        segments = self._load(seals, sorted(set(range(len(seals))).difference(covered)), read_segment)
        self.seals = list(seals)
        self._runs, self._segments = runs, segments
        self.pieces = sorted([*runs.values(), *segments.values()], key=lambda piece: piece.first_row)
        self.is_complete = all(name_run(seals, span) in runs for span in spans)
        self._look_at_s = 0.0

    def look_after(self, read_segment: ReadSegment) -> None:
        """Take over runs that were built meanwhile, or have the missing ones built."""
        self.adopt(self.seals, read_segment)
        if not self.is_complete and not self._cache.is_read_only and self._building.is_possible():
            self._provide(read_segment)
            self._building.start(self.seals)
        self._look_at_s = time.monotonic() + _LOOK_EVERY_S

    def _warn_if_large(self, segments: int) -> None:
        """Tell once that the mapped runs will push other pages out of memory."""
        needed, limit = segments * SEGMENT_ROWS * BYTES_PER_HASH, read_memory_limit()
        if needed > limit // 2 and not self._is_warned:
            self._is_warned = True
            _logger.warning(
                "index: %d MB of index, more than half of the memory (%d MB): searches may wait for the disk",
                needed >> 20,
                limit >> 20,
            )

    def _load(
        self, seals: Sequence[bytes], numbers: list[int], read_segment: ReadSegment
    ) -> dict[tuple[int, bytes], FlatRows]:
        segments = {}
        told_s = time.monotonic()
        for done, number in enumerate(numbers):
            seal = seals[number]
            held = self._segments.get((number, seal))
            if held is None:
                held = FlatRows(self._fetch(number, seal, read_segment), first_row=number * SEGMENT_ROWS)
            segments[number, seal] = held
            if time.monotonic() >= told_s + _TELL_EVERY_S:
                told_s = time.monotonic()
                _logger.info("index: %d of %d segments read", done + 1, len(numbers))
        return segments

    def _fetch(self, number: int, seal: bytes, read_segment: ReadSegment) -> NDArray[np.uint64]:
        hashes = self._cache.open_segment(seal)
        if hashes is None:
            hashes = self._cache.write_segment(seal, read_segment(number, seal))
        return hashes

    def _provide(self, read_segment: ReadSegment) -> None:
        """Make sure that files hold all that the building process needs."""
        spans = plan_runs(len(self.seals))
        on_disk = cover(spans, self._cache.list_runs(self.seals), lambda _: True)
        covered = {segment for name in on_disk for segment in range(*name.span)}
        for number in set(range(len(self.seals))) - covered:
            seal = self.seals[number]
            if not self._cache.segment_path(seal).exists():
                held = self._segments.get((number, seal))
                self._cache.write_segment(seal, held.hashes if held else read_segment(number, seal))
