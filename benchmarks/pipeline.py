"""Compares the service with processes that only download and hash, and with a naive one; measures what it costs.

`python benchmarks/pipeline.py --images FOLDER --count 5000 --preload 1e6 --json`
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench_bare import run_bare, run_hash_only
from bench_checks import CHECKS
from bench_host import Host, run_host
from bench_images import CACHE, make_images
from bench_naive import run_naive
from bench_service import run_service

DEMO = Path(__file__).parent.parent / "demo"
WARM_UP = 256
NAIVE_HASHES = 10_000


class Bench:
    """One comparison: the images, their host, the archive's size."""

    def __init__(self, options: argparse.Namespace, home: Path) -> None:
        self.options = options
        self.home = home
        self.processes = int(options.processes)
        self.preload = int(options.preload)
        self.cache_dir = CACHE / "index"
        paths = make_images(options.images, count=options.count + WARM_UP, processes=self.processes)
        self.warm_up, self.paths = paths[:WARM_UP], paths[WARM_UP:]
        self.folder = paths[0].parent

    def urls(self, host: Host, *, mark: str = "") -> list[str]:
        """Give the URLs of the measured images; `mark` makes other ids of them."""
        return [f"{host.base_url}{path.name}{mark and '?' + mark}" for path in self.paths]

    def warm_urls(self, host: Host) -> list[str]:
        """Give the URLs of the images that are not measured."""
        return [host.base_url + path.name for path in self.warm_up]

    def tell(self, row: dict[str, Any]) -> None:
        """Print one figure."""
        if self.options.json:
            print(json.dumps(row), flush=True)
        else:
            print("  ".join(f"{name} {_show(value)}" for name, value in row.items()), flush=True)

    def note(self, row: dict[str, Any]) -> None:
        """Show one round on stderr."""
        print(json.dumps(row), file=sys.stderr, flush=True)

    def row(
        self, system: str, *, images: int, wall_s: float, cpu_s: float, alerts: int | None
    ) -> dict[str, Any]:
        """Give the line of one system."""
        return {
            "system": system,
            "images_per_s": round(images / wall_s, 1),
            "cpu_ms_per_image": round(cpu_s / images * 1000, 3),
            "wall_s": round(wall_s, 2),
            "processes": self.processes,
            "alert_share": None if alerts is None else round(alerts / images, 3),
        }

    def hash_only(self) -> dict[str, Any]:
        """Only decode and hash: the floor of the CPU."""
        run = run_hash_only(self.paths, processes=self.processes)
        return self.row("decode_and_hash", images=run.images, wall_s=run.wall_s, cpu_s=run.cpu_s, alerts=None)

    def bare(self, host: Host) -> dict[str, Any]:
        """Only download, decode and hash."""
        before = host.cpu_s()
        run = run_bare(self.urls(host), processes=self.processes)
        row = self.row("bare", images=run.images, wall_s=run.wall_s, cpu_s=run.cpu_s, alerts=None)
        return {**row, "host_cpu_ms": round((host.cpu_s() - before) / run.images * 1000, 3)}

    def naive(self, host: Host) -> dict[str, Any]:
        """One task an image, one comparison a hash."""
        with run_naive(hashes=NAIVE_HASHES, processes=self.processes) as naive:
            naive.run(self.warm_urls(host)[: 2 * self.processes])
            run, alerts = naive.run(self.urls(host)[: self.options.naive_count])
        return self.row("naive", images=run.images, wall_s=run.wall_s, cpu_s=run.cpu_s, alerts=alerts)

    def lookalike(self, host: Host, **settings: str) -> dict[str, Any]:
        """Run the real worker on the filled archive."""
        with run_service(
            distinct=self.preload, processes=self.processes, cache_dir=self.cache_dir, **settings
        ) as service:
            service.warm_up(self.warm_urls(host), processes=self.processes)
            before = host.cpu_s()
            wall_s, used = service.run(self.urls(host))
            if used.images != len(self.paths):
                raise SystemExit(f"{used.images} images recorded of {len(self.paths)}")
        images = used.images
        row = self.row("lookalike", images=images, wall_s=wall_s, cpu_s=used.worker_s, alerts=used.alerts)
        return {
            **row,
            "server_cpu_ms": round(used.server_s / images * 1000, 3),
            "host_cpu_ms": round((host.cpu_s() - before) / images * 1000, 3),
            "producer_cpu_ms": round(used.producer_s / images * 1000, 3),
        }

    def compare(self) -> None:
        """Run all systems in turn, round by round, and print medians."""
        systems = self.options.systems.split(",")
        rows: dict[str, list[dict[str, Any]]] = {}
        with run_host(self.folder, home=self.home / "host", latency_ms=0, kind=self.options.host) as host:
            runs: dict[str, Callable[[], dict[str, Any]]] = {
                "decode_and_hash": self.hash_only,
                "bare": lambda: self.bare(host),
                # Without the memory of hashes, though no image repeats: bare has none either.
                "lookalike": lambda: self.lookalike(host, LOOKALIKE_REMEMBER_HASHES="0"),
                "naive": lambda: self.naive(host),
            }
            for _ in range(self.options.rounds):
                for system in systems:
                    row = runs[system]()
                    self.note(row)
                    rows.setdefault(system, []).append(row)
        middle = {system: _median(of_system) for system, of_system in rows.items()}
        for row in middle.values():
            self.tell(row)
        if self.options.plot:
            # Imported here: it takes a second, and most runs draw nothing.
            from bench_plot import draw  # noqa: PLC0415

            draw(list(middle.values()), self.options.plot)
        self.tell({**_ratios(middle), "host": host.kind, "preload": self.preload})


def _ratios(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    ours = rows.get("lookalike")
    found: dict[str, Any] = {}
    if ours:
        for other in ("bare", "naive"):
            if other in rows:
                found[f"ratio_to_{other}"] = round(ours["images_per_s"] / rows[other]["images_per_s"], 3)
        if "decode_and_hash" in rows:
            floor = rows["decode_and_hash"]["cpu_ms_per_image"]
            found["cpu_to_decode_and_hash"] = round(ours["cpu_ms_per_image"] / floor, 3)
    return found


def _median(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: statistics.median(row[name] for row in rows) if isinstance(value, float) else value
        for name, value in rows[0].items()
    }


def _show(value: object) -> str:
    return f"{value:,.3f}" if isinstance(value, float) else str(value)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, default=DEMO, help="folder of originals (the demo images)")
    parser.add_argument("--count", type=int, default=5000, help="images of a round")
    parser.add_argument("--preload", type=float, default=1e6, help="distinct hashes in the archive")
    parser.add_argument("--processes", type=int, default=2, help="children of the worker, processes of bare")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--naive-count", type=int, default=60, help="images of a naive round: it is slow")
    parser.add_argument("--systems", default="decode_and_hash,bare,lookalike,naive")
    parser.add_argument("--host", choices=["nginx", "asyncio"], help="the image host (nginx if installed)")
    parser.add_argument("--plot", type=Path, help="draw the comparison into this SVG file")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    for name, (_, default, told) in CHECKS.items():
        parser.add_argument(f"--{name}", nargs="?", const=default, type=float, help=told)
    return parser.parse_args()


def main() -> None:
    """Run what was asked for: the comparison, or the checks that are named."""
    options = _options()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalike-bench-")))
        bench = Bench(options, home)
        asked = {
            name: value for name in CHECKS if (value := getattr(options, name.replace("-", "_"))) is not None
        }
        if not asked:
            bench.compare()
        for name, value in asked.items():
            CHECKS[name][0](bench, value)


if __name__ == "__main__":
    main()
