"""Merges full segments and smaller runs into the runs of a plan; files only, no server."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worker.indexing.index_cache import IndexCache
from worker.indexing.levels import RunName, Span, cover, name_run, plan_runs
from worker.indexing.run_file import write_run
from worker.keyspace import SEGMENT_ROWS

if TYPE_CHECKING:
    from worker.indexing.sorted_run import SortedRun

_KEEP_UNKNOWN_S = 60


class SourceMissingError(Exception):
    """Raised when a segment is neither in a file of its own nor in a smaller run."""


def merge(folder: Path, seals: Sequence[bytes], *, temporary: Path) -> None:
    """Build every run of the plan that is missing, then delete what they replace.

    Raises:
        SourceMissingError: The folder does not hold all rows.
    """
    cache = IndexCache(folder)
    spans = plan_runs(len(seals))
    for span in spans:
        _build(cache, seals, span, temporary)
    _tidy(cache, seals, spans)


def _build(cache: IndexCache, seals: Sequence[bytes], span: Span, temporary: Path) -> None:
    name = name_run(seals, span)
    if cache.open_run(name) is not None:
        return
    hashes, rows = _gather(cache, seals, span)
    try:
        write_run(
            temporary,
            hashes,
            rows,
            digest=name.digest,
            first_row=span.begin * SEGMENT_ROWS,
            end_row=span.end * SEGMENT_ROWS,
        )
        temporary.rename(cache.run_path(name))
    finally:
        temporary.unlink(missing_ok=True)


def _gather(
    cache: IndexCache, seals: Sequence[bytes], span: Span
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Collect the hashes of a span with their rows in it, from smaller runs and from segments."""
    runs: dict[RunName, SortedRun] = {}

    def is_usable(name: RunName) -> bool:
        run = cache.open_run(name)
        if run is not None:
            runs[name] = run
        return run is not None

    hashes, rows = [], []
    covered: set[int] = set()
    for name in cover([span], cache.list_runs(seals), is_usable):
        arrays = runs[name].arrays
        hashes.append(arrays.ascending)
        rows.append(arrays.rows + np.uint32(arrays.first_row - span.begin * SEGMENT_ROWS))
        covered.update(range(*name.span))
    for segment in sorted(set(range(*span)) - covered):
        held = cache.open_segment(seals[segment])
        if held is None:
            raise SourceMissingError(f"segment {segment} is not in {cache.folder}")
        hashes.append(held)
        begin = (segment - span.begin) * SEGMENT_ROWS
        rows.append(np.arange(begin, begin + len(held), dtype=np.uint32))
    return np.concatenate(hashes), np.concatenate(rows)


def _tidy(cache: IndexCache, seals: Sequence[bytes], spans: list[Span]) -> None:
    """Delete the segments that are in runs now, and after a minute every file that this plan does not name.

    A minute, since a process that reads more slowly may still want to open the runs of the plan before; later
    it would have to read their rows from the server again.
    """
    for seal in seals:
        cache.segment_path(seal).unlink(missing_ok=True)
    wanted = {cache.run_path(name_run(seals, span)).name for span in spans} | {"lock"}
    oldest = time.time() - _KEEP_UNKNOWN_S
    for path in cache.folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.name not in wanted and path.stat().st_mtime < oldest:
                path.unlink()
