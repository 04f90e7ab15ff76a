"""A short run of the benchmark that breaks the whole service at random."""

import json
import subprocess
import sys
from pathlib import Path

FAULTS = Path(__file__).parent.parent.parent / "benchmarks" / "faults.py"


def test_random_faults_lose_nothing_and_double_nothing():
    run = subprocess.run(
        [sys.executable, str(FAULTS), "--images", "200", "--seed", "3", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=115,
    )

    figures = json.loads(run.stdout) if run.stdout else run.stderr
    broken = (
        "lost",
        "missing_matches",
        "doubled_alerts",
        "doubled_pairs",
        "wrongly_failed",
        "wrong_hashes",
        "refused_commands",
    )
    assert run.returncode == 0, figures
    assert {name: figures[name] for name in broken} == dict.fromkeys(broken, 0)
    assert figures["recorded"] == figures["accepted"] == 200
