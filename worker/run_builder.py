"""The process that builds runs: `python -m worker.run_builder`, one at a time on a machine.

A replica starts it. It reads its job from standard input, one line of JSON, and ends when that is closed or the
folder disappears. It knows files only: no server, no password. The lock is inherited and ends with the process.
"""

import contextlib
import json
import os
import resource
import select
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worker.index_cache import IndexCache
from worker.keyspace import SEGMENT_ROWS
from worker.levels import RunName, Span, cover, name_run, plan_runs
from worker.run_file import write_run

if TYPE_CHECKING:
    from worker.sorted_run import SortedRun

_LOOK_AROUND_S = 0.5
_KEEP_UNKNOWN_S = 60
_TEMPORARY = f"building.{os.getpid()}.tmp"


class SourceMissingError(Exception):
    """Raised when a segment is neither in a file of its own nor in a smaller run."""


def main() -> None:
    """Build every run of the plan that is missing, then delete what they replace."""
    os.nice(19)
    _lift_memory_limit()
    job = json.loads(_read_line())
    cache = IndexCache(Path(job["folder"]))
    threading.Thread(target=_end_with_parent, args=(cache.folder,), daemon=True).start()
    seals = [seal.encode() for seal in job["seals"]]
    spans = plan_runs(len(seals))
    for span in spans:
        _build(cache, seals, span)
    _tidy(cache, seals, spans)


def _read_line() -> bytes:
    """Read one line; whoever sends it sends nothing more, and closes when it ends."""
    line = bytearray()
    while not line.endswith(b"\n") and (byte := os.read(sys.stdin.fileno(), 1 << 16)):
        line += byte
    return bytes(line)


def _lift_memory_limit() -> None:
    """Raise the soft limit that a worker's child has: it is meant for pictures of strangers."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _end_with_parent(folder: Path) -> None:
    while folder.exists():
        readable, _, _ = select.select([sys.stdin], [], [], _LOOK_AROUND_S)
        if readable and not os.read(sys.stdin.fileno(), 1):
            break
    (folder / _TEMPORARY).unlink(missing_ok=True)
    os._exit(1)


def _build(cache: IndexCache, seals: list[bytes], span: Span) -> None:
    name = name_run(seals, span)
    if cache.open_run(name) is not None:
        return
    hashes, rows = _gather(cache, seals, span)
    temporary = cache.folder / _TEMPORARY
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
    cache: IndexCache, seals: list[bytes], span: Span
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


def _tidy(cache: IndexCache, seals: list[bytes], spans: list[Span]) -> None:
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


if __name__ == "__main__":
    try:
        main()
    except (OSError, SourceMissingError, MemoryError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
