"""The figures beside the throughput: slow downloads, dead hosts, time to an alert, repeats, memory, the way in."""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]  # no types are published
from bench_alerts import busy_latencies_s, idle_latencies_s
from bench_archive import ARCHIVE, KEYS, run_archive
from bench_bare import bare_latency_s
from bench_host import dead_hosts, run_host
from bench_memory import measure_archive, measure_streams
from bench_scale import measure, tell_model
from bench_service import Service, run_service

from producer.server import connect

if TYPE_CHECKING:
    from pipeline import Bench

DEAD_HOSTS = 50
SMALLEST = 100_000
SAMPLES = 60
BUSY_SAMPLES = 100
ENQUEUE_POLL_S = 0.2


def latency(bench: "Bench", latency_ms: float) -> None:
    """Compare the rate with and without latency on every download; time alerts, idle and under a backlog."""
    rates: dict[float, list[float]] = {0: [], latency_ms: []}
    for _ in range(bench.options.rounds):
        for delay_ms, found in rates.items():
            with run_host(
                bench.folder, home=bench.home / "host", latency_ms=int(delay_ms), kind="asyncio"
            ) as host:
                row = bench.lookalike(host)
            bench.note({"latency_ms": delay_ms, **row})
            found.append(row["images_per_s"])
    clean, delayed = (statistics.median(found) for found in rates.values())
    bench.tell(
        {
            "check": "latency",
            "latency_ms": latency_ms,
            "images_per_s": delayed,
            "images_per_s_without": clean,
            "ratio": round(delayed / clean, 3),
        }
    )


def alerts(bench: "Bench", samples: float) -> None:
    """Time from XADD to the alert: with nothing else to do, and while a backlog is worked off."""
    with ExitStack() as stack:
        host = stack.enter_context(run_host(bench.folder, home=bench.home / "host", latency_ms=0))
        service = stack.enter_context(_service(bench))
        service.warm_up(bench.warm_urls(host), processes=bench.processes)
        known = bench.warm_urls(host)[:64]
        bare = statistics.median(bare_latency_s(known))
        idle = idle_latencies_s(service, known, samples=int(samples))
        backlog = [url for copy in range(8) for url in bench.urls(host, mark=f"backlog-{copy}")]
        busy = busy_latencies_s(service, known, backlog, samples=int(samples) * 2)
    for name, found in (("idle", idle), ("backlog", busy)):
        bench.tell(
            {
                "check": f"alert_{name}",
                "p50_ms": _ms(statistics.median(found)),
                "p99_ms": _ms(sorted(found)[int(len(found) * 0.99)]),
                "samples": len(found),
                "bare_ms": _ms(bare),
                "p50_to_bare": round(statistics.median(found) / bare, 2),
            }
        )


def slow_hosts(bench: "Bench", share: float) -> None:
    """Mix in downloads from hosts that never answer; rate of those that do."""
    rates: dict[float, list[float]] = {0.0: [], share: []}
    with (
        run_host(bench.folder, home=bench.home / "host", latency_ms=0, kind=bench.options.host) as host,
        dead_hosts(DEAD_HOSTS) as dead,
    ):
        good = bench.urls(host)
        number = round(len(good) * share / (1 - share))
        lost = [f"{dead[at % len(dead)]}{at}.jpg" for at in range(number)]
        mixed = good + lost
        random.Random(1).shuffle(mixed)
        for _ in range(bench.options.rounds):
            for used, urls in ((0.0, good), (share, mixed)):
                with _service(bench) as service:
                    service.warm_up(bench.warm_urls(host), processes=bench.processes)
                    target = service.usage().images + len(good)
                    began = time.monotonic()
                    service.send(urls, lane="backlog")
                    wall_s = service.wait(_all_good(service, target, number)) - began
                rates[used].append(round(len(good) / wall_s, 1))
                bench.note({"slow_hosts": used, "images_per_s": rates[used][-1]})
    clean, mixed_rate = (statistics.median(found) for found in rates.values())
    bench.tell(
        {
            "check": "slow_hosts",
            "share": share,
            "dead_hosts": len(dead),
            "images_per_s": mixed_rate,
            "images_per_s_without": clean,
            "ratio": round(mixed_rate / clean, 3),
        }
    )


def repeats(bench: "Bench", share: float) -> None:
    """Repeat the bytes of earlier images under other URLs; gain of not decoding them twice."""
    found: dict[str, list[float]] = {"off": [], "on": []}
    cpu: dict[str, list[float]] = {"off": [], "on": []}
    drawn = random.Random(2)
    with run_host(bench.folder, home=bench.home / "host", latency_ms=0, kind=bench.options.host) as host:
        urls = bench.urls(host)
        for at in range(1, len(urls)):
            if drawn.random() < share:
                urls[at] = f"{urls[drawn.randrange(max(0, at - 1000), at)].partition('?')[0]}?again-{at}"
        for _ in range(bench.options.rounds):
            for switch, size in (("off", "0"), ("on", "10000")):
                with _service(bench, LOOKALIKE_REMEMBER_HASHES=size) as service:
                    service.warm_up(bench.warm_urls(host), processes=bench.processes)
                    wall_s, used = service.run(urls)
                cpu[switch].append(round(used.worker_s / len(urls) * 1000, 3))
                found[switch].append(round(len(urls) / wall_s, 1))
                bench.note({"repeats": share, "cache": switch, "images_per_s": found[switch][-1]})
    off, on = (statistics.median(rates) for rates in found.values())
    bench.tell(
        {
            "check": "repeats",
            "share": share,
            "images_per_s": on,
            "images_per_s_without": off,
            "ratio": round(on / off, 3),
            "cpu_ms_per_image": statistics.median(cpu["on"]),
            "cpu_ms_per_image_without": statistics.median(cpu["off"]),
        }
    )


def memory(bench: "Bench", images: float) -> None:
    """Bytes an image in Redis, by key; an alert and a waiting entry; memory of a child."""
    for row in measure_archive(int(images)):
        bench.tell(row)
    for row in measure_streams():
        bench.tell(row)
    with (
        run_host(bench.folder, home=bench.home / "host", latency_ms=0, kind=bench.options.host) as host,
        _service(bench) as service,
    ):
        service.warm_up(bench.warm_urls(host), processes=bench.processes)
        service.run(bench.urls(host))
        for child in service.children():
            lines = Path(f"/proc/{child.pid}/smaps_rollup").read_text().splitlines()[1:]
            sizes = {
                name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)
            }
            bench.tell(
                {
                    "check": "child_memory",
                    "hashes": bench.preload,
                    "pss_mb": round(sizes["Pss"] / 1024, 1),
                    "private_mb": round((sizes["Private_Clean"] + sizes["Private_Dirty"]) / 1024, 1),
                }
            )


def enqueue(bench: "Bench", lines: float) -> None:
    """Feed a text file of URLs to `lookalike enqueue`: rate, and memory over time."""
    listed = bench.home / "urls.txt"
    with listed.open("w") as file:
        for number in range(int(lines)):
            file.write(f"https://media.example.org/photos/{number:012d}/{number * 7919 % 10**9:09d}.jpg\n")
    with run_archive(0) as server, connect(server.url) as client:
        environment = {"LOOKALIKE_REDIS_URL": server.url, "LOOKALIKE_ARCHIVE": ARCHIVE, "PATH": "/usr/bin"}
        environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
        began = time.monotonic()
        with (bench.home / "enqueue.log").open("wb") as log:
            process = psutil.Popen(
                [sys.executable, "-m", "worker", "enqueue", "--max-waiting", str(10**9), str(listed)],
                env=environment,
                stdout=log,
                stderr=log,
            )
            sizes, cpu_s = [], 0.0
            while True:
                try:
                    process.wait(ENQUEUE_POLL_S)
                    break
                except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
                    sizes.append(process.memory_info().rss / 2**20)
                    cpu_s = sum(process.cpu_times()[:2])
        wall_s = time.monotonic() - began
        accepted = client.xlen(KEYS.stream("backlog"))
    if accepted != int(lines):
        raise SystemExit(f"{accepted} entries:\n{(bench.home / 'enqueue.log').read_text()[-2000:]}")
    bench.tell(
        {
            "check": "enqueue",
            "lines": accepted,
            "lines_per_s": round(accepted / wall_s),
            "cpu_us_per_line": round(cpu_s / accepted * 1e6, 1),
            "rss_mb_early": round(sizes[len(sizes) // 10], 1),
            "rss_mb_late": round(sizes[-1], 1),
            "rss_mb_most": round(max(sizes), 1),
        }
    )


def scale(bench: "Bench", largest: float) -> None:
    """Measure archives of 1e5 hashes, ten times as many, and so on; tell what a model says of those beyond."""
    sizes = []
    with run_host(bench.folder, home=bench.home / "host", latency_ms=0, kind=bench.options.host) as host:
        hashes = SMALLEST
        while hashes <= largest:
            with run_service(
                distinct=hashes, processes=bench.processes, cache_dir=bench.cache_dir
            ) as service:
                service.warm_up(bench.warm_urls(host), processes=bench.processes)
                sizes.append(measure(service, bench.urls(host), hashes=hashes, cache_dir=bench.cache_dir))
            bench.note({"scale": hashes, "search_ms": round(sizes[-1].search_ms, 3)})
            hashes *= 10
    for row in tell_model(sizes):
        bench.tell(row)


CHECKS: dict[str, tuple[Callable[["Bench", float], None], float, str]] = {
    "latency": (latency, 100, "ms of latency on every download, compared with none"),
    "alerts": (alerts, SAMPLES, "time from XADD to the alert, so many samples"),
    "slow-hosts": (slow_hosts, 0.1, "share of downloads from hosts that never answer"),
    "repeats": (repeats, 0.3, "share of images whose bytes came before"),
    "memory": (memory, 1e6, "bytes an image of so many in Redis, memory of a child"),
    "scale": (scale, 1e7, "cost of an image at 1e5 hashes and more, up to so many"),
    "enqueue": (enqueue, 2e6, "lines of a text file for `lookalike enqueue`"),
}
"""Each check: what runs it, the value of its option where none is given, and what the option says."""


def _all_good(service: Service, target: int, dead: int) -> Callable[[], bool]:
    """Tell whether the images that answer have ended: recorded, and none of their entries is left."""

    def is_over() -> bool:
        if service.usage().images < target or service.waiting() > dead:
            return False
        left: Any = service.client.xrange(KEYS.stream("backlog"))
        return not any(b"//127.0.0.1:" in fields[b"url"] for _, fields in left)

    return is_over


def _service(bench: "Bench", **settings: str) -> Any:  # noqa: ANN401 - a context manager of Service
    return run_service(
        distinct=bench.preload, processes=bench.processes, cache_dir=bench.cache_dir, **settings
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
