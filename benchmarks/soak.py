"""Runs a mixed load for twenty minutes, and shows that nothing grows: memory, keys, consumers, connections.

    python benchmarks/soak.py --minutes 20 --json

Two workers with two children each. Live images, a backlog, the same images again, hosts that refuse, missing images and
broken ones, entries that break the contract; a child is killed each minute. Children are replaced after 2,000 images.
Memory is the sum of what each process has for itself (Pss); its slope is fitted over the second half of the run.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from fault_corpus import make_corpus
from fault_service import LANES, PREFIX, WORKERS, Service

IMAGES = 400
SAMPLE_EVERY_S = 5.0
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
    """What there is at one moment."""

    at_s: float
    images: int
    memory_mb: float
    server_mb: float
    keys: int
    consumers: int
    connections: int
    outstanding: int


def take_sample(service: Service, started: float) -> Sample:
    """Look at the processes and at the server."""
    pids = [worker.pid for worker in service.workers] + service.children()
    consumers = sum(
        len(service.client.xinfo_consumers(f"{PREFIX}images:{lane}", "workers"))
        for lane in LANES
        if service.client.exists(f"{PREFIX}images:{lane}")
    )
    return Sample(
        at_s=round(time.monotonic() - started, 1),
        images=int(service.client.hget(f"{PREFIX}counters", "images") or 0),
        memory_mb=round(sum(map(_private_kb, pids)) / 1024, 1),
        server_mb=round(service.client.info("memory")["used_memory"] / 2**20, 1),
        keys=service.client.dbsize(),
        consumers=consumers,
        connections=service.client.info("clients")["connected_clients"],
        outstanding=service.outstanding(),
    )


def _private_kb(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


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
    with Service(home, lease_s=5, settings=SETTINGS) as service:
        names = list(make_corpus(service.folder, images=IMAGES, seed=options.seed))
        while len(service.children()) < 2 * WORKERS:
            time.sleep(0.1)
        started = time.monotonic()
        killed_at = sampled_at = started
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
            time.sleep(0.05)
        failures = int(service.client.xlen(f"{PREFIX}failures"))

    half = samples[len(samples) // 2 :]
    slope = statistics.linear_regression([s.at_s / 60 for s in half], [s.memory_mb for s in half]).slope
    memory = [sample.memory_mb for sample in samples]
    figures = {
        "minutes": options.minutes,
        "images": samples[-1].images,
        "kills": kills,
        "failures_kept": failures,
        "memory_mb": {"first": memory[0], "last": memory[-1], "max": max(memory)},
        "memory_mb_a_minute": round(slope, 2),
        "consumers": {"max": max(s.consumers for s in samples), "last": samples[-1].consumers},
        "connections": {"max": max(s.connections for s in samples), "last": samples[-1].connections},
        "keys": samples[-1].keys,
        "server_mb": samples[-1].server_mb,
        "outstanding_max": max(s.outstanding for s in samples),
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
