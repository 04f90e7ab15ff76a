"""What an image costs as the archive grows: measured at some sizes, told beyond them by a model."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench_archive import KEYS, real_population
from bench_service import Service

from producer.server import connect
from worker.replica import Replica

BATCH = 16
QUERIES = 480
MAX_DISTANCE = 10
BYTES_OF_INDEX = 36
BYTES_OF_LARGE_INDEX = 28
LARGE = 16_000_000
"""Four sorted copies of each hash and its row, in files that all processes of a machine map; three beyond this size."""

TOLD = (10**8, 10**9)
COMPLETE_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured at one size."""

    hashes: int
    search_ms: float
    worker_ms: float
    server_ms: float
    redis_bytes: float


def search_ms(url: str, cache_dir: Path) -> float:
    """Give the CPU of one image's search, in batches as a child searches; waits until the index is complete."""
    queries = real_population(QUERIES, seed=9)
    with connect(url) as client:
        replica = Replica(client, KEYS, cache_dir=cache_dir)
        try:
            end = time.monotonic() + COMPLETE_TIMEOUT_S
            while not replica.is_complete or not replica.rows:
                replica.catch_up()
                time.sleep(0.2)
                if time.monotonic() > end:
                    raise SystemExit("the index was not built in time")
            rows = np.full(BATCH, replica.rows, np.int64)
            took = []
            for at in range(0, QUERIES, BATCH):
                began = time.process_time()
                replica.search(queries[at : at + BATCH], max_distance=MAX_DISTANCE, before=rows)
                took.append(time.process_time() - began)
        finally:
            replica.close()
    return float(np.median(took)) / BATCH * 1000


def measure(service: Service, urls: Sequence[str], *, hashes: int, cache_dir: Path) -> Size:
    """Work off `urls` on an archive of `hashes` and take its measure."""
    searching_ms = search_ms(service.url, cache_dir)
    memory = int(service.client.info("memory")["used_memory"])
    filed = service.usage().images
    _, used = service.run(urls)
    return Size(
        hashes,
        searching_ms,
        used.worker_s / used.images * 1000,
        used.server_s / used.images * 1000,
        memory / filed,
    )


def tell_model(sizes: Sequence[Size]) -> list[dict[str, Any]]:
    """Give a row for each measured size, with what the model says of it, and for those beyond."""
    # Search: a fixed cost, and one for each hash that a query reads. The rest of an image does not know the size.
    hashes = np.array([size.hashes for size in sizes], float)
    slope, fixed = np.polyfit(hashes, [size.search_ms for size in sizes], 1, w=1 / np.sqrt(hashes))
    rest_ms = float(np.median([size.worker_ms - size.search_ms for size in sizes]))
    server_ms = float(np.median([size.server_ms for size in sizes]))
    redis_bytes = sizes[-1].redis_bytes
    rows = []
    measured = {size.hashes: size for size in sizes}
    for count in sorted({*measured, *TOLD}):
        search = fixed + slope * count
        row = {
            "check": "scale",
            "hashes": count,
            "model_search_ms": round(search, 3),
            "model_worker_ms": round(rest_ms + search, 2),
            "worker_hours_per_million": round((rest_ms + search) / 3.6, 2),
            "redis_gb": round(count / 0.9 * redis_bytes / 1e9, 2),
            "index_gb": round(count * (BYTES_OF_INDEX if count <= LARGE else BYTES_OF_LARGE_INDEX) / 1e9, 2),
            "server_images_per_s": round(1000 / server_ms),
        }
        if size := measured.get(count):
            row |= {
                "search_ms": round(size.search_ms, 3),
                "worker_ms": round(size.worker_ms, 2),
                "server_ms": round(size.server_ms, 3),
                "redis_bytes_per_image": round(size.redis_bytes, 1),
            }
        rows.append(row)
    return rows
