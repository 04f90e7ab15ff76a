"""Decodes what strangers could send, and shows that the worst costs one image.

Takes the test images of Pillow's source archive (`pip download --no-deps --no-binary :all: pillow`) and seeded,
bit-flipped and truncated variants of the demo images through `hash_image`, in child processes with the limits of a
worker, and reports counts per reason, the slowest files and the peak memory. Exits with 1 where anything ends
unclassified.

    python benchmarks/hostile.py pillow-13.0.0.tar.gz --json
"""

import json
import os
import random
import signal
import sys
import tarfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click

from worker.errors import ImageError
from worker.hashing import hash_image, warm_up
from worker.limits import decode_limit, limit_memory
from worker.settings import Settings

DEMO = Path(__file__).parent.parent / "demo"
SLOWEST = 5
TRUNCATED_SHARE = 0.25

File = tuple[str, bytes]


def archived_files(source: Path) -> Iterator[File]:
    """Give all files of a folder, or those below `Tests/images` of a source archive."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(source)), path.read_bytes()
        return
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isfile() and "/Tests/images/" in member.name:
                content = archive.extractfile(member)
                yield member.name.partition("/Tests/images/")[2], content.read() if content else b""


def variants(count: int, *, seed: int) -> Iterator[File]:
    """Give `count` demo images with flipped bits, overwritten bytes, or a missing end."""
    chance = random.Random(seed)
    originals = [path for path in sorted(DEMO.iterdir()) if path.suffix != ".csv"]
    bodies = {path.name: path.read_bytes() for path in originals}
    for number in range(count):
        name = chance.choice(list(bodies))
        body = bytearray(bodies[name])
        # Half of the damage is in the headers, where it decides about sizes and tables.
        reach = min(len(body), 1024) if number % 2 else len(body)
        for _ in range(chance.randint(1, 30)):
            body[chance.randrange(reach)] ^= 1 << chance.randrange(8)
        if chance.random() < TRUNCATED_SHARE:
            del body[chance.randrange(1, len(body)) :]
        yield f"{number}:{name}", bytes(body)


class Tally:
    """Counts of outcomes, and who was slow."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.unclassified: list[str] = []
        self.deaths: list[str] = []
        self.slowest: list[tuple[float, str]] = []

    def add(self, name: str, outcome: str, seconds: float) -> None:
        """Count one file."""
        self.reasons[outcome] += 1
        if outcome.startswith("!"):
            self.unclassified.append(f"{name}: {outcome}")
        self.slowest = sorted([*self.slowest, (round(seconds, 3), name)], reverse=True)[:SLOWEST]


def outcome_of(body: bytes, settings: Settings) -> str:
    """Hash one file as a child of a worker does; a word for what came of it, `!` before what should not be."""
    try:
        with decode_limit(settings.decode_timeout):
            hash_image(body, max_pixels=settings.max_pixels)
    except ImageError as error:
        return error.reason
    except Exception as error:  # noqa: BLE001  # to be found
        return f"!{type(error).__name__}"
    return "hashed"


def work(files: Iterator[File], skip: int, settings: Settings, answers: int) -> None:
    """Hash all files after the first `skip`; one line of JSON for each before and after it."""
    warm_up()
    limit_memory(settings.child_memory)
    with os.fdopen(answers, "w", buffering=1) as out:
        for number, (name, body) in enumerate(files):
            if number < skip:
                continue
            print(json.dumps({"number": number, "name": name}), file=out)
            begun = time.perf_counter()
            outcome = outcome_of(body, settings)
            print(json.dumps({"outcome": outcome, "seconds": time.perf_counter() - begun}), file=out)


def run(files: Callable[[], Iterator[File]], settings: Settings, tally: Tally) -> float:
    """Hash `files` in a child, and in another where it dies; the highest peak memory in MiB."""
    skip, peak_mib = 0, 0.0
    while True:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            work(files(), skip, settings, write_end)
            os._exit(0)
        os.close(write_end)
        name = None
        with os.fdopen(read_end) as lines:
            for line in lines:
                told = json.loads(line)
                if "name" in told:
                    skip, name = told["number"] + 1, told["name"]
                else:
                    tally.add(str(name), told["outcome"], told["seconds"])
                    name = None
        _, status, usage = os.wait4(child, 0)
        peak_mib = max(peak_mib, usage.ru_maxrss / 1024)
        if status == 0:
            return peak_mib
        if name is None:
            sys.exit("a child died outside of a file")
        how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else str(status)
        tally.reasons["worker_died"] += 1
        tally.deaths.append(f"{name}: {how}")


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path), required=False)
@click.option(
    "--variants", "count", default=10_000, show_default=True, help="Damaged copies of the demo images."
)
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(source: Path | None, *, count: int, seed: int, as_json: bool) -> None:
    """Hash the files of SOURCE, a folder or a source archive of Pillow, and damaged copies of the demo images."""
    warnings.simplefilter("ignore")
    settings = Settings()
    begun = time.perf_counter()
    report: dict[str, object] = {}
    failed = False
    sets: dict[str, Callable[[], Iterator[File]]] = {"variants": partial(variants, count, seed=seed)}
    if source is not None:
        sets = {"archive": partial(archived_files, source), **sets}
    for title, files in sets.items():
        tally = Tally()
        peak_mib = run(files, settings, tally)
        failed = failed or bool(tally.unclassified)
        report[title] = {
            "files": tally.reasons.total(),
            "reasons": dict(tally.reasons.most_common()),
            "unclassified": tally.unclassified,
            "deaths": tally.deaths,
            "slowest": tally.slowest,
            "peak_mib": round(peak_mib),
        }
    report["seconds"] = round(time.perf_counter() - begun, 1)
    print(json.dumps(report) if as_json else json.dumps(report, indent=2))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
