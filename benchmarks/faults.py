"""Breaks a real service at random moments, seeded, and shows that nothing is lost and nothing happens twice.

    python benchmarks/faults.py --images 5000 --json

A real server that syncs every write and gives each process the rights of its role alone, two workers with two
children each, a live producer and a backlog, behind a proxy. Each fault meets work in flight: part of the images is
sent just before it, part just after. Recovery is the time from the fault (where something was away: from its return)
until one more image has ended and none lies in the name of a dead process. Afterwards an independent checker compares
with brute force over the manifest.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from fault_checker import check
from fault_corpus import make_corpus
from fault_service import PREFIX, WORKERS, Service

FULL = 5000
PLAN = {
    "child": 64,
    "parent": 16,
    "server": 9,
    "producer": 6,
    "stopped": 11,
    "cut": 6,
    "restart": 2,
    "term": 6,
    "broker": 3,
}
"""Faults of each kind for 5000 images; fewer images get fewer, and at least one of each."""

LONG_AWAY_S = 7.0
RECOVERY_TIMEOUT_S = 90.0
DRAIN_TIMEOUT_S = 180.0


class Run:
    """One run: the service, its images still to be sent, and what was measured."""

    def __init__(self, service: Service, names: list[str], rng: random.Random) -> None:
        self._service = service
        self._names = names
        self._rng = rng
        self.recovery_s: dict[str, list[float]] = defaultdict(list)
        self.stop_s: list[float] = []
        self.kills: Counter[str] = Counter()

    def send(self, count: int) -> None:
        """Give the next images to one of the producers, live ones twice as often."""
        batch = [
            self._service.images.base_url + self._names.pop() for _ in range(min(count, len(self._names)))
        ]
        if batch:
            self._service.senders[self._rng.choice((0, 0, 1))].give(batch)

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> float:
        """Wait for `condition`; give the seconds that it took."""
        started = time.monotonic()
        while not condition():
            if time.monotonic() - started > timeout_s:
                raise TimeoutError(f"never came within {timeout_s} s; see {self._service.home}")
            time.sleep(0.01)
        return time.monotonic() - started

    def suffer(self, kind: str, share: int) -> float:
        """Meet work in flight with one fault, and give how long nothing went on."""
        service, rng = self._service, self._rng
        self.wait(lambda: len(service.children()) >= 2 * WORKERS, 60)
        self.send(share - share // 3)
        time.sleep(rng.uniform(0, 0.3))
        measured = kind
        dead: list[int] = []
        match kind:
            case "child":
                dead = rng.sample(service.children(), rng.choice((1, 1, 1, 2)))
                service.kill_children(dead)
                self.kills["child"] += len(dead) - 1
            case "parent":
                dead = service.kill_worker(rng.randrange(WORKERS))
            case "server":
                long = self.kills["server"] % 4 == 1
                measured = "server_long" if long else kind
                service.restart_server(LONG_AWAY_S if long else rng.uniform(0, 1.5))
            case "producer":
                self.send(share)
                time.sleep(rng.uniform(0, 0.01))
                rng.choice(service.senders).kill()
            case "stopped":
                self.send(share // 3)
                service.pause(rng.choice(service.children()), service.lease_s * rng.uniform(1.2, 1.8))
            case "cut":
                service.cut(rng.uniform(0, 2))
            case "restart":
                self.stop_s += service.stop_processs(range(WORKERS))
                service.start_workers(range(WORKERS))
            case "term":
                which = [rng.randrange(WORKERS)]
                self.stop_s += service.stop_processs(which)
                service.start_workers(which)
            case "broker":
                service.lose_broker()
        self.kills[kind] += 1
        before = service.ended()
        self.send(share // 3)
        took = self.wait(lambda: service.ended() > before and not service.held_by(dead), RECOVERY_TIMEOUT_S)
        self.recovery_s[measured].append(took)
        return took

    def finish(self) -> None:
        """Send the rest and wait until nothing is on its way."""
        while self._names:
            self.send(100)
        self.wait(self._service.is_all_accepted, DRAIN_TIMEOUT_S)
        self.wait(lambda: self._service.outstanding() == 0, DRAIN_TIMEOUT_S)


def main() -> int:
    """Run, print the figures, and tell by the exit status whether every promise was kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=FULL)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lease", type=float, default=3.0, help="seconds (LOOKALIKE_LEASE)")
    parser.add_argument("--only", choices=list(PLAN), action="append", help="faults of this kind alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    home = Path(tempfile.mkdtemp(prefix="lookalike-faults-"))

    with Service(home, lease_s=options.lease) as service:
        manifest = make_corpus(service.folder, images=options.images, seed=options.seed)
        kinds = options.only or list(PLAN)
        counts = {kind: max(1, round(PLAN[kind] * options.images / FULL)) for kind in kinds}
        plan = [kind for kind, count in counts.items() for _ in range(count)]
        rng.shuffle(plan)
        run = Run(service, list(manifest), rng)
        share = max(3, options.images // (2 * len(plan)))
        run.wait(lambda: len(service.children()) == 2 * WORKERS, 60)
        started = time.monotonic()
        for at, kind in enumerate(plan, 1):
            took = run.suffer(kind, share)
            print(f"{at}/{len(plan)} {kind}: went on after {took:.2f} s", file=sys.stderr)
        run.finish()
        seconds = time.monotonic() - started
        accepted = [url.rpartition("/")[2] for sender in service.senders for url in sender.accepted]
        verdict = check(service.client, prefix=PREFIX, manifest=manifest, accepted=accepted)
        refusals = service.refusals + service.server.refusals()

    short = [s for kind, all_s in run.recovery_s.items() if kind != "server_long" for s in all_s]
    figures = {
        **asdict(verdict),
        "refused_commands": len(refusals),
        "kills": {kind: run.kills[kind] for kind in PLAN},
        "recovery_s": {"p50": round(statistics.median(short), 2), "max": round(max(short), 2)},
        "recovery_by_kind_s": {
            kind: {"p50": round(statistics.median(all_s), 2), "max": round(max(all_s), 2)}
            for kind, all_s in sorted(run.recovery_s.items())
        },
        "stop_s": {
            "p50": round(statistics.median(run.stop_s or [0]), 2),
            "max": round(max(run.stop_s, default=0), 2),
        },
        "lease_s": options.lease,
        "seed": options.seed,
        "seconds": round(seconds),
    }
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:20} {value}")
    print(f"logs: {home}", *refusals, sep="\n", file=sys.stderr)
    return 0 if verdict.is_clean and not refusals else 1


if __name__ == "__main__":
    sys.exit(main())
