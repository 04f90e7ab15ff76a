"""Measures what poison costs the images beside it: runs with one poison per so many images, and without, in turn.

    python benchmarks/poison.py --count 3000 --every 1000 --way KILL --json

Poison is an image that ends whoever decodes it: by SIGKILL, by a crash in C, or by hanging in C, with the interpreter's
lock held, until the time limit of one decode (`LOOKALIKE_DECODE_TIMEOUT`, here 5 s). The rate is that of the healthy
images, from the first one sent to the last one recorded. All poison must end as the failure `worker_died`.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_archive import KEYS
from bench_host import Host, run_host
from bench_images import CACHE, make_images
from bench_service import run_service

ROOT = Path(__file__).parent.parent
HOOKS = ROOT / "tests" / "faults" / "hooks"
DECODE_TIMEOUT_S = 5
WARM_UP = 256
PROCESSES = 2


def lace(folder: Path, paths: Sequence[Path], *, every: int, way: str) -> list[Path]:
    """Link the images into `folder` with one poison after each `every`; give all in their order."""
    folder.mkdir()
    laced = []
    for at, path in enumerate(paths, 1):
        laced.append(folder / path.name)
        laced[-1].symlink_to(path)
        if at % every == every // 2:
            poison = folder / f"poison-{at}.jpg"
            # Different bytes each: a child remembers what it has decoded.
            poison.write_bytes(path.read_bytes() + f"POISON:{way}{at}".encode())
            laced.append(poison)
    return laced


def run_once(host: Host, paths: Sequence[Path], warm_up: Sequence[Path]) -> dict[str, Any]:
    """Run one round; give the rate of the healthy images and what became of the others."""
    healthy = sum(not path.name.startswith("poison") for path in paths)
    with run_service(
        distinct=0,
        processes=PROCESSES,
        cache_dir=CACHE / "index",
        LOOKALIKE_TEST_POISON="1",
        LOOKALIKE_DECODE_TIMEOUT=str(DECODE_TIMEOUT_S),
        PYTHONPATH=os.pathsep.join([str(HOOKS), str(ROOT)]),
    ) as service:
        service.warm_up([host.base_url + path.name for path in warm_up], processes=PROCESSES)
        before = service.usage().images
        began = service.wait(lambda: True)
        service.send([host.base_url + path.name for path in paths], lane="backlog")
        ended = service.wait(lambda: service.usage().images - before >= healthy)
        service.wait(lambda: service.waiting() == 0)
        failures = [fields for _, fields in service.client.xrange(KEYS.failures)]
        recorded = service.usage().images - before
    died = [row for row in failures if row[b"reason"] == b"worker_died" and b"poison" in row[b"url"]]
    return {
        "images_per_s": healthy / (ended - began),
        "poison": len(paths) - healthy,
        "worker_died": len(died),
        "wrongly_failed": len(failures) - len(died),
        "not_recorded": healthy - recorded,
    }


def main() -> int:
    """Run both in turn and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=3000, help="healthy images of a round")
    parser.add_argument("--every", type=int, default=1000, help="healthy images for one poison")
    parser.add_argument("--way", choices=["KILL", "SEGV", "HANG"], default="KILL")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    made = make_images(ROOT / "demo", count=options.count + WARM_UP, processes=PROCESSES)
    warm_up, paths = made[:WARM_UP], made[WARM_UP:]
    rows: dict[str, list[dict[str, Any]]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory(prefix="lookalike-bench-") as name:
        home = Path(name)
        laced = lace(home / "images", paths, every=options.every, way=options.way)
        for path in warm_up:
            (home / "images" / path.name).symlink_to(path)
        with run_host(home / "images", home=home / "host", latency_ms=0, kind="asyncio") as host:
            for _ in range(options.rounds):
                for kind, chosen in (("without", paths), ("with", laced)):
                    rows[kind].append(run_once(host, chosen, warm_up))
                    print(kind, rows[kind][-1], file=sys.stderr)
    rates = {kind: statistics.median(row["images_per_s"] for row in found) for kind, found in rows.items()}
    # Neighbours in time are compared: what else the machine does changes from minute to minute.
    ratios = [
        laced["images_per_s"] / plain["images_per_s"]
        for plain, laced in zip(rows["without"], rows["with"], strict=True)
    ]
    totals = {
        name: sum(row[name] for row in rows["with"])
        for name in ("poison", "worker_died", "wrongly_failed", "not_recorded")
    }
    figures = {
        "way": options.way,
        "every": options.every,
        "images_per_s": {kind: round(rate, 1) for kind, rate in rates.items()},
        "ratio": round(statistics.median(ratios), 3),
        **totals,
    }
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:16} {value}")
    is_clean = totals["poison"] == totals["worker_died"] and not (
        totals["wrongly_failed"] or totals["not_recorded"]
    )
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
