"""Measure what a replica costs: opening, catching up, memory of four processes, and whether it ever misses.

python benchmarks/replica.py --rows 1e7
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
from archive_log import ArchiveLog, count_mapped_bytes, wait_complete
from populations import make_population, make_queries

from worker.keyspace import SEGMENT_ROWS

PROCESSES = 4
STEP = 64
_OTHER = Path(__file__).with_name("replica_process.py")


def main() -> None:
    """Print one figure a line, as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="1e7", help="rows in the log")
    parser.add_argument(
        "--tries", type=int, default=10_000, help="searches in another process, each after an append"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)6d ms %(message)s")
    rows = int(float(arguments.rows))
    population = make_population("random", rows + 2 * SEGMENT_ROWS + arguments.tries)
    with ArchiveLog(population) as log:
        log.grow(rows)
        measure_opening(log)
        measure_memory(log)
        measure_catching_up(log)
        measure_tries(log, arguments.tries)


def measure_opening(log: ArchiveLog) -> None:
    """Open without files, and again with them in the page cache."""
    begin = time.perf_counter()
    replica = log.open_replica()
    replica.catch_up()
    first_answer_s = time.perf_counter() - begin
    complete_s = first_answer_s + wait_complete(replica)
    show("cold opening until searches are answered", first_answer_s, "s")
    show("cold opening until all runs are built", complete_s, "s")
    show("mapped bytes a hash", count_mapped_bytes(replica) / log.rows, "bytes")
    replica.close()
    begin = time.perf_counter()
    replica = log.open_replica()
    replica.catch_up()
    show("warm opening, files verified", time.perf_counter() - begin, "s")
    replica.close()


def measure_memory(log: ArchiveLog) -> None:
    """Open four processes and sum what each has for itself and its share of what they have in common."""
    processes = [_start(log) for _ in range(PROCESSES)]
    queries = make_queries("random", log.population[: log.rows], 200)
    for process in processes:
        for query in queries:
            _ask(process, int(query))
    used = [psutil.Process(process.pid).memory_full_info() for process in processes]
    with subprocess.Popen(
        [sys.executable, _OTHER, "--import-only"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as bare:
        bare.stdout.readline()
        alone = psutil.Process(bare.pid).memory_full_info().uss
        bare.stdin.close()
    show("proportional set size of each process", np.mean([memory.pss for memory in used]) / 2**20, "MiB")
    show("resident set size of each process", np.mean([memory.rss for memory in used]) / 2**20, "MiB")
    show("private memory beyond a process without archive", (used[0].uss - alone) / log.rows, "bytes a hash")
    for process in processes:
        process.stdin.close()
        process.wait()


def measure_catching_up(log: ArchiveLog) -> None:
    """Append 64 rows at a time through a whole segment; only the replica's reading is timed."""
    replica = log.open_replica()
    replica.catch_up()
    wall, cpu = [], []
    for end in range(log.rows + STEP, log.rows + SEGMENT_ROWS // 4, STEP):
        log.grow(end)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        replica.catch_up()
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    show("catching up with 1,000 rows, 64 at a time, median", np.median(wall) * 1000 / STEP * 1e3, "ms")
    show("catching up with 1,000 rows, 64 at a time, CPU", np.median(cpu) * 1000 / STEP * 1e3, "ms")
    wall, cpu = [], []
    for _ in range(30):
        log.grow(log.rows + 1000)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        replica.catch_up()
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    show("catching up with 1,000 rows at once, median", np.median(wall) * 1e3, "ms")
    show("catching up with 1,000 rows at once, CPU", np.median(cpu) * 1e3, "ms")
    replica.close()


def measure_tries(log: ArchiveLog, tries: int) -> None:
    """Append one hash, then have another process search it: it must be found every time."""
    process = _start(log)
    missed = 0
    begin = time.perf_counter()
    for _ in range(tries):
        log.grow(log.rows + 1)
        missed += not _ask(process, int(log.population[log.rows - 1]))
    show("searches right after a record in another process", tries, "tries")
    show("missed", missed, "tries")
    show("append, ask, search, answer", (time.perf_counter() - begin) / tries * 1e3, "ms")
    process.stdin.close()
    process.wait()


def _start(log: ArchiveLog) -> subprocess.Popen[bytes]:
    command = [sys.executable, _OTHER, log.url, log.keys.archive, str(log.cache_dir)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ))
    process.stdout.readline()
    return process


def _ask(process: subprocess.Popen[bytes], phash: int) -> bool:
    process.stdin.write(b"%d\n" % phash)
    process.stdin.flush()
    return process.stdout.readline() == b"found\n"


def show(what: str, value: float, unit: str) -> None:
    """Print one figure."""
    print(json.dumps({"what": what, "value": round(float(value), 3), "unit": unit}), flush=True)


if __name__ == "__main__":
    main()
