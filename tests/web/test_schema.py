"""Thousands of requests, most of which the description of the API allows: each answer is as it says."""

import os
import re
import subprocess
import sys

import pytest

from worker.archive import KnownArchives, Recipe, open_archive
from worker.hashing import golden_hashes
from worker.keyspace import Keyspace
from worker.phash import RECIPE

pytest.importorskip("schemathesis")

ARCHIVE = "schema"
EXAMPLES = os.environ.get("LOOKALIKE_TEST_EXAMPLES", "100")
"""Of each operation, beside those that walk through the borders of each parameter: 1,849 requests, half a minute."""

LEAST = 1500


@pytest.fixture
def untended(site, wait):
    """An archive without a worker, so that nothing is downloaded of what is made up here."""
    open_archive(
        site.client,
        keys=Keyspace(ARCHIVE),
        recipe=Recipe(RECIPE, golden_hashes()),
        known=KnownArchives(site.home / "known"),
    )
    return site.start_web(wait, LOOKALIKE_ARCHIVE=ARCHIVE, LOOKALIKE_MAX_BYTES="200000")


@pytest.mark.timeout(600)
def test_every_answer_is_as_described(untended, tmp_path):
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{untended.url}/v1/openapi.json"),
            # It never ends.
            *("--exclude-path", "/v1/alerts/stream"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES),
            *("--checks", "all"),
            # Not every text is the URL of an image; and there are no tokens here.
            *("--exclude-checks", "positive_data_acceptance,ignored_auth"),
            *("--generation-deterministic", "--no-color"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=590,
    )

    generated = re.search(r"(\d+) generated", run.stdout)
    assert run.returncode == 0, run.stdout[-6000:]
    assert generated is not None
    assert int(generated[1]) >= LEAST, run.stdout[-1500:]
