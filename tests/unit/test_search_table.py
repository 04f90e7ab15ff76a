"""The tables of the docs are those that the benchmark writes from its own lines."""

import json
from pathlib import Path

from search_table import tabulate

DOCS = Path(__file__).parent.parent.parent / "docs"


def _lines():
    return [json.loads(line) for line in (DOCS / "search.jsonl").read_text().splitlines()]


def test_the_docs_hold_the_tables_of_the_lines_beside_them():
    assert tabulate(_lines()) in (DOCS / "performance.md").read_text()


def test_every_engine_found_what_a_scan_finds():
    assert {line["identical"] for line in _lines()} == {True}


def test_a_missing_engine_leaves_its_place_empty_and_a_wrong_one_is_marked():
    line = {"n": 10, "population": "real", "engine": "lookalike", "median_us": 2.0, "p99_us": 3.0}
    line |= {"build_s": 0.5, "bytes_per_hash": None, "identical": False}
    other = {**line, "engine": "faiss_flat", "n": 1000, "median_us": 6.0, "identical": True}

    rows = tabulate([line, other]).splitlines()[2:]

    assert rows == [
        "| | 10 | 1,000 |",
        "| --- | ---: | ---: |",
        "| `lookalike` | 2 (3) **not identical** | |",
        "| `faiss_flat` | | 6 (3) |",
        "| `faiss_flat` / `lookalike` | | |",
        "| `faiss_flat` / `lookalike_bulk` | | |",
        "| mapped bytes a hash | | |",
        "| seconds until all runs are built | 0.5 | |",
    ]
