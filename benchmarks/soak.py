"""Runs a mixed load for twenty minutes, and shows that nothing grows: memory, keys, consumers, connections.

    python benchmarks/soak.py --minutes 20 --json

Two workers with two children each. Live images, a backlog, the same images again, hosts that refuse, missing images and
broken ones, entries that break the contract; a child is killed each minute. Children are replaced after 2,000 images.
Each figure is told at the beginning, in the middle and at the end, with its growth a minute over the second half.
Keys are told by kind: those of the archive grow with the images in it.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fault_corpus import make_corpus
from fault_service import LANES, PREFIX, WORKERS, Service

IMAGES = 400
SAMPLE_EVERY_S = 5.0
COUNT_EVERY_S = 60.0
KILL_EVERY_S = 60.0
BATCH = 40
MOST_OUTSTANDING = 400
SETTINGS = {
    "LOOKALIKE_IMAGES_PER_CHILD": "2000",
    "LOOKALIKE_RETRY_FOR": "20",
    "LOOKALIKE_RETRY_CAP": "5",
    "LOOKALIKE_FAILURES_KEEP": "1000",
    "LOOKALIKE_ALERTS_KEEP": "1000",
}


@dataclass
class Sample:
    """What there is at one moment. Memory is what a process has for itself (Pss), one figure a process."""

    at_s: float
    images: int
    parents_mb: list[float]
    children_mb: list[float]
    producers_mb: list[float]
    server_mb: float
    consumers: int
    connections: int
    outstanding: int

    @property
    def memory_mb(self) -> float:
        """All workers' processes together."""
        return round(sum(self.parents_mb + self.children_mb), 1)


def take_sample(service: Service, started: float) -> Sample:
    """Look at the processes and at the server."""
    consumers = sum(
        len(service.client.xinfo_consumers(f"{PREFIX}images:{lane}", "workers"))
        for lane in LANES
        if service.client.exists(f"{PREFIX}images:{lane}")
    )
    return Sample(
        at_s=round(time.monotonic() - started, 1),
        images=int(service.client.hget(f"{PREFIX}counters", "images") or 0),
        parents_mb=[_private_mb(worker.pid) for worker in service.workers],
        children_mb=[_private_mb(pid) for pid in service.children()],
        producers_mb=[_private_mb(sender.pid) for sender in service.senders],
        server_mb=round(service.client.info("memory")["used_memory"] / 2**20, 1),
        consumers=consumers,
        connections=service.client.info("clients")["connected_clients"],
        outstanding=service.outstanding(),
    )


def count_keys(service: Service) -> dict[str, int]:
    """Count the keys by kind: those of the archive grow with it, all others must not."""
    kinds = Counter(
        key.decode().removeprefix(PREFIX).partition(":")[0] for key in service.client.scan_iter(count=5000)
    )
    grow = {kind: kinds.pop(kind, 0) for kind in ("ids", "image", "phash")}
    return {**grow, "others": kinds.total()}


def _private_mb(pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kb = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return round(kb / 1024, 1)


def _slope(samples: Sequence[Sample], values: Sequence[float]) -> float:
    """Give the growth a minute over the second half."""
    half = len(samples) // 2
    minutes = [sample.at_s / 60 for sample in samples[half:]]
    return round(statistics.linear_regression(minutes, values[half:]).slope, 3)


def _level(samples: Sequence[Sample], values: Sequence[float]) -> dict[str, float]:
    return {
        "first": values[0],
        "middle": values[len(values) // 2],
        "last": values[-1],
        "max": max(values),
        "a_minute": _slope(samples, values),
    }


def send(service: Service, names: list[str], rng: random.Random, at: int) -> None:
    """Give one mixed batch to each producer: a query string makes another image of the same bytes."""
    base = service.images.base_url
    for sender in service.senders:
        urls = [f"{base}{rng.choice(names)}?{at}-{rng.randrange(10**9)}" for _ in range(BATCH)]
        urls += [f"{base}{rng.choice(names)}" for _ in range(2)]
        urls += [f"{base}missing-{at}.png", "http://127.0.0.9:9/refused.png", "http://10.0.0.1/forbidden.png"]
        sender.give(urls)
    service.client.xadd(f"{PREFIX}images:live", {"link": "no such field"})


def main() -> int:
    """Run and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    home = Path(tempfile.mkdtemp(prefix="lookalike-soak-"))
    samples: list[Sample] = []
    keys: list[dict[str, int]] = []
    with Service(home, lease_s=5, settings=SETTINGS) as service:
        names = list(make_corpus(service.folder, images=IMAGES, seed=options.seed))
        while len(service.children()) < 2 * WORKERS:
            time.sleep(0.1)
        started = time.monotonic()
        killed_at = sampled_at = counted_at = started
        rounds = kills = 0
        while (now := time.monotonic()) - started < options.minutes * 60:
            if service.outstanding() < MOST_OUTSTANDING and service.is_all_accepted():
                send(service, names, rng, rounds)
                rounds += 1
            if now - killed_at >= KILL_EVERY_S:
                service.kill_children([rng.choice(service.children())])
                killed_at, kills = now, kills + 1
            if now - sampled_at >= SAMPLE_EVERY_S:
                samples.append(take_sample(service, started))
                sampled_at = now
            if now - counted_at >= COUNT_EVERY_S or not keys:
                keys.append({"at_s": round(now - started), **count_keys(service)})
                counted_at = now
            time.sleep(0.05)
        failures = int(service.client.xlen(f"{PREFIX}failures"))
        refusals = service.server.refusals()

    figures = {
        "minutes": options.minutes,
        "images": samples[-1].images,
        "kills": kills,
        "failures_kept": failures,
        "refused_commands": len(refusals),
        "memory_mb": {
            "workers": _level(samples, [sample.memory_mb for sample in samples]),
            "a_parent": _level(samples, [round(statistics.mean(s.parents_mb), 1) for s in samples]),
            "a_child": _level(samples, [round(statistics.mean(s.children_mb or [0]), 1) for s in samples]),
            "a_producer": _level(samples, [round(statistics.mean(s.producers_mb), 1) for s in samples]),
            "server": _level(samples, [sample.server_mb for sample in samples]),
        },
        "consumers": _level(samples, [sample.consumers for sample in samples]),
        "connections": _level(samples, [sample.connections for sample in samples]),
        "keys": keys[:: max(1, len(keys) // 10)],
        "outstanding_max": max(sample.outstanding for sample in samples),
    }
    (home / "samples.json").write_text(json.dumps([asdict(sample) for sample in samples]))
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:20} {value}")
    print(f"samples: {home}/samples.json", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
