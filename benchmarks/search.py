"""Time one query in archives of growing size, this index beside its peers, results compared with a plain scan.

    python benchmarks/search.py --sizes 1e5,1e6,1e7 --population random,real --json > search.jsonl
    python benchmarks/search.py --table < search.jsonl
    python benchmarks/search.py --plot docs/search.svg < search.jsonl

In one process, one thread each. The engines take turns, a few queries each, so that a slow minute of the machine
slows all of them. `lookalike` is the replica of a log on a real server, at ten sizes between n and 1.3 n, and the
worst of the ten counts; every other engine holds the first n rows.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import faiss
import numpy as np
import psutil
from archive_log import ArchiveLog, count_mapped_bytes, mapped_runs, wait_complete
from engines import MAX_DISTANCE, PEERS, Bulk, Hashes
from numpy.typing import NDArray
from populations import POPULATIONS, make_population, make_queries
from search_table import tabulate

from worker.indexing.sorted_run import RunArrays
from worker.replica import Replica

STEPS = 10
QUERIES = 200
TURN = 20
BATCH = 32
PATIENCE_S = 0.3
BUDGET_S = 4.0
Search = Callable[[Hashes], Hashes]
Clock = Callable[[], float]
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    """Measure, or plot what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="1e4,1e5,1e6,1e7", help="hashes, separated by commas")
    parser.add_argument("--population", default="random,real", help=f"of {', '.join(POPULATIONS)}")
    parser.add_argument("--engines", default="", help="leave out the others (faiss_flat, numpy_scan, ...)")
    parser.add_argument(
        "--growth", type=float, default=1.3, help="`lookalike` is measured from n to so many n"
    )
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu: on a machine that others use, too"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    parser.add_argument("--plot", type=Path, help="draw the lines on standard input into this file, and end")
    parser.add_argument(
        "--table", action="store_true", help="write the lines on standard input as tables, and end"
    )
    arguments = parser.parse_args()
    if arguments.table:
        print(tabulate([json.loads(line) for line in sys.stdin]))
        return
    if arguments.plot:
        from search_plot import draw  # noqa: PLC0415  # matplotlib is wanted for this alone

        draw([json.loads(line) for line in sys.stdin], arguments.plot)
        return
    faiss.omp_set_num_threads(1)
    wanted = set(filter(None, arguments.engines.split(","))) or set(PEERS)
    for name in arguments.population.split(","):
        for size in arguments.sizes.split(","):
            for line in measure(
                name, int(float(size)), wanted, growth=arguments.growth, clock=CLOCKS[arguments.clock]
            ):
                show(line, as_json=arguments.json)


def measure(
    name: str, size: int, wanted: set[str], *, growth: float, clock: Clock
) -> Iterator[dict[str, object]]:
    """Measure all engines on one population, in turns."""
    population = make_population(name, int(growth * size))
    queries = make_queries(name, population[:size], QUERIES)
    nearest = [_scan(population, query) for query in queries]
    with ArchiveLog(population) as log:
        replica = log.open_replica()
        log.grow(size)
        timings = {"lookalike": Timing(clock), "lookalike_batch32": Timing(clock)}
        timings["lookalike"].build_s = wait_complete(replica)
        searches: dict[str, Search] = {}
        for engine, (make, largest) in PEERS.items():
            if engine in wanted and size <= largest:
                searches[engine], timings[engine] = _build(make, population[:size], clock)
        worst = Timing(clock)
        for rows in np.linspace(size, int(growth * size), STEPS).astype(int).tolist():
            log.grow(rows)
            wait_complete(replica)
            own = Timing(clock, build_s=timings["lookalike"].build_s)
            own.bytes_per_hash = count_mapped_bytes(replica) / rows
            expected = [found[found_at < rows] for found_at, found in nearest]
            fixed = [found[found_at < size] for found_at, found in nearest]
            touch([*mapped_runs(replica), *kept_runs(searches)])
            for begin in range(0, QUERIES, TURN):
                turn = range(begin, begin + TURN)
                own.time(_search_replica(replica, rows), queries, turn, expected)
                for engine, search in searches.items():
                    timings[engine].time(search, queries, turn, fixed)
            timings["lookalike_batch32"].time_batch(replica, rows, queries[:BATCH], expected)
            worst = max(worst, own, key=lambda timing: timing.median_us)
        timings["lookalike"] = worst
        timings["lookalike_batch32"].bytes_per_hash = worst.bytes_per_hash
        timings["lookalike_batch32"].build_s = worst.build_s
        replica.close()
        for engine, timing in timings.items():
            yield {"n": size, "population": name, "engine": engine, **timing.summary()}


class Timing:
    """What was measured of one engine."""

    def __init__(self, clock: Clock, *, build_s: float = 0.0) -> None:
        self.build_s = build_s
        self._clock = clock
        self.bytes_per_hash: float | None = None
        self.is_identical = True
        self._times_us: list[float] = []

    def time(self, search: Search, queries: Hashes, turn: range, expected: list[Hashes]) -> None:
        """Search some queries one by one; a slow engine sits out the rest of its turn, and all later ones."""
        end = time.perf_counter() + PATIENCE_S
        for number in turn if sum(self._times_us) < BUDGET_S * 1e6 else ():
            query = queries[number : number + 1]
            begin = self._clock()
            found = search(query)
            self._times_us.append((self._clock() - begin) * 1e6)
            self.is_identical &= np.array_equal(np.sort(found), expected[number])
            if time.perf_counter() > end:
                break

    def time_batch(self, replica: Replica, rows: int, queries: Hashes, expected: list[Hashes]) -> None:
        """Search all queries at once, a few times; what counts is the time of one."""
        before = np.full(len(queries), rows)
        for _ in range(4):
            begin = self._clock()
            found = replica.search(queries, max_distance=MAX_DISTANCE, before=before)
            self._times_us.append((self._clock() - begin) * 1e6 / len(queries))
            self.is_identical &= all(
                np.array_equal(np.sort(hashes), near)
                for (hashes, _), near in zip(found, expected, strict=False)
            )

    @property
    def median_us(self) -> float:
        """The median of all times, 0 where there are none."""
        return float(np.median(self._times_us)) if self._times_us else 0.0

    def summary(self) -> dict[str, object]:
        """Give the figures as they are printed."""
        return {
            "median_us": round(self.median_us, 1),
            "p99_us": round(float(np.percentile(self._times_us, 99)), 1),
            "build_s": round(self.build_s, 3),
            "bytes_per_hash": None if self.bytes_per_hash is None else round(self.bytes_per_hash, 1),
            "identical": self.is_identical,
        }


def kept_runs(searches: dict[str, Search]) -> list[RunArrays]:
    """Give the runs of those engines that are an index of ours."""
    engines = [getattr(search, "__self__", None) for search in searches.values()]
    return [engine.arrays for engine in engines if isinstance(engine, Bulk)]


def touch(runs: list[RunArrays]) -> None:
    """Read each array once, as every query of a scan does with its own.

    On a virtual machine, memory that was left alone for ten seconds costs three to ten times as much at first.
    """
    for run in runs:
        for array in (run.copies, run.starts, run.rows):
            array.max()


def _scan(population: Hashes, query: np.uint64) -> tuple[NDArray[np.int64], Hashes]:
    """Give the near hashes in ascending order, and the row of each; a part at a time, to spare memory."""
    found = []
    for begin in range(0, len(population), 1 << 20):
        part = population[begin : begin + (1 << 20)]
        found.append(begin + np.flatnonzero(np.bitwise_count(part ^ query) <= MAX_DISTANCE))
    rows = np.concatenate(found)
    rows = rows[np.argsort(population[rows])]
    return rows, population[rows]


def _search_replica(replica: Replica, rows: int) -> Search:
    before = np.array([rows])
    return lambda query: replica.search(query, max_distance=MAX_DISTANCE, before=before)[0][0]


def _build(make: Callable, rows: Hashes, clock: Clock) -> tuple[Search, Timing]:
    process = psutil.Process()
    memory, begin = process.memory_info().rss, time.perf_counter()
    engine = make(rows)
    timing = Timing(clock, build_s=time.perf_counter() - begin)
    timing.bytes_per_hash = engine.bytes_per_hash
    if timing.bytes_per_hash is None:
        timing.bytes_per_hash = (process.memory_info().rss - memory) / len(rows)
    return engine.search, timing


def show(line: dict[str, object], *, as_json: bool) -> None:
    """Print one engine's figures."""
    if as_json:
        print(json.dumps(line), flush=True)
    else:
        print(*(f"{value!s:>18}" for value in line.values()), flush=True)


if __name__ == "__main__":
    main()
