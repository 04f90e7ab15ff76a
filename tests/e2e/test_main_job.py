"""The main job, end to end: real images, a real server, real workers; compared with brute force over the manifest."""

import csv
import json
import subprocess
import sys
import tempfile
from itertools import combinations
from pathlib import Path

import pytest

DEMO = Path(__file__).parent.parent.parent / "demo"


def _manifest() -> dict[str, int]:
    with (DEMO / "manifest.csv").open() as file:
        return {row["file"]: int(row["phash"], 16) for row in csv.DictReader(file)}


def _brute_force(hashes: dict[str, int]) -> set[frozenset[str]]:
    return {
        frozenset(pair)
        for pair in combinations(hashes, 2)
        if (hashes[pair[0]] ^ hashes[pair[1]]).bit_count() <= 10
    }


@pytest.fixture
def short_folder():
    """Short enough for the path of a socket below it, where pytest's own may not be."""
    with tempfile.TemporaryDirectory(prefix="lookalike-test-") as folder:
        yield Path(folder)


def test_the_demo_reports_exactly_the_pairs_that_brute_force_finds(short_folder):
    run = subprocess.run(
        [sys.executable, "-P", "-m", "worker", "demo", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(DEMO.parent),
            "TMPDIR": str(short_folder),
            "HOME": str(short_folder),
        },
    )

    assert run.returncode == 0, run.stderr
    events = [json.loads(line) for line in run.stdout.splitlines()]
    near = sum(match["images"] for event in events for match in event["data"]["matches"])
    equal = sum(event["data"]["earlier_copies"] for event in events)
    named = {
        frozenset((_name(event["data"]["image"]), _name(other)))
        for event in events
        for other in event["data"]["copies"] + [match["sample"] for match in event["data"]["matches"]]
    }
    expected = _brute_force(_manifest())
    assert (near, equal, len(expected)) == (16, 13, 29)
    assert named <= expected
    assert list(short_folder.iterdir()) == []


def _name(image: dict[str, str]) -> str:
    return image["url"].rpartition("/")[2]
