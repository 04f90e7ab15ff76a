"""Runs as files, and their names: whatever is not the whole, unchanged run counts as missing."""

import numpy as np
import pytest

from worker.index import HammingIndex
from worker.indexing.index_cache import IndexCache, compute_seal
from worker.indexing.levels import RunName, Span, cover, name_run, plan_runs
from worker.indexing.pieces import FlatRows
from worker.indexing.run_file import RunFileError, open_run, write_run
from worker.indexing.sorted_run import SortedRun

DIGEST = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def rows():
    return np.random.default_rng(1).integers(0, 2**64, 5_000, dtype=np.uint64)


@pytest.fixture
def path(tmp_path, rows):
    made = tmp_path / "made.run"
    numbers = np.arange(len(rows), dtype=np.uint32)
    write_run(made, rows, numbers, digest=DIGEST, first_row=100, end_row=100 + len(rows))
    return made


def test_a_run_from_a_file_finds_what_a_scan_finds_at_every_horizon(path, rows):
    run = SortedRun(open_run(path, digest=DIGEST))
    flat = FlatRows(rows, first_row=100)
    queries = np.concatenate([rows[:20], rows[-20:]]) ^ np.uint64(0b101)
    before = np.arange(40) * 150

    found = HammingIndex([run]).search(queries, max_distance=14, before=before)

    expected = HammingIndex([flat]).search(queries, max_distance=14, before=before)
    assert [[m.tolist() for m in matches] for matches in found] == [
        [m.tolist() for m in matches] for matches in expected
    ]


def test_a_run_takes_36_bytes_a_hash_and_one_table(path, rows):
    assert path.stat().st_size < 4096 + len(rows) * 36 + (4 * 65_536 + 1) * 4 + 3 * 64


def _cut_short(data: bytearray) -> bytearray:
    return data[: len(data) // 2]


def _empty(_: bytearray) -> bytearray:
    return bytearray()


def _longer(data: bytearray) -> bytearray:
    return data + b"\0"


def _torn(data: bytearray) -> bytearray:
    data[len(data) // 2 : len(data) // 2 + 4096] = bytes(4096)
    return data


def _flip(position: int):
    def flip(data: bytearray) -> bytearray:
        data[position] ^= 1
        return data

    return flip


@pytest.mark.parametrize(
    "damage",
    [
        _cut_short,
        _empty,
        _longer,
        _torn,
        *(_flip(position) for position in (0, 9, 13, 20, 60, 75, 90, 5000, -70)),
    ],
)
def test_a_damaged_file_is_noticed(path, damage):
    path.write_bytes(damage(bytearray(path.read_bytes())))

    with pytest.raises(RunFileError):
        open_run(path, digest=DIGEST)


def test_a_run_under_the_name_of_another_is_noticed(path):
    with pytest.raises(RunFileError, match="another run"):
        open_run(path, digest=DIGEST[::-1])


def test_a_bad_run_or_segment_counts_as_missing_and_is_deleted(tmp_path, rows, caplog):
    cache = IndexCache(tmp_path)
    name = RunName(Span(0, 1), DIGEST)
    cache.run_path(name).write_bytes(b"no run")
    seal = compute_seal(rows)
    cache.write_segment(seal, rows)
    cache.segment_path(seal).write_bytes(rows[::-1].tobytes())

    assert cache.open_run(name) is None
    assert cache.open_segment(seal) is None
    assert list(tmp_path.iterdir()) == []


def test_a_segment_stays_in_memory_where_no_file_can_be_made(rows, tmp_path, caplog):
    (tmp_path / "file").touch()
    cache = IndexCache(tmp_path / "file" / "folder")

    assert cache.write_segment(compute_seal(rows), rows) is rows
    assert cache.list_runs([]) == []


@pytest.mark.parametrize(
    ("sealed", "runs"),
    [
        (0, []),
        (1, [(0, 1)]),
        (8, [(0, 8)]),
        (63, [(0, 63)]),
        (65, [(0, 64), (64, 65)]),
        (152, [(0, 128), (128, 152)]),
        (1525, [(0, 1472), (1472, 1525)]),
        (4097, [(0, 4096), (4096, 4097)]),
        (4161, [(0, 4096), (4096, 4160), (4160, 4161)]),
    ],
)
def test_there_is_one_run_for_each_digit_to_the_base_64(sealed, runs):
    assert plan_runs(sealed) == runs


def test_the_runs_of_the_plan_before_cover_all_but_the_new_segment():
    for sealed in [*range(1, 600), *range(4090, 4170)]:
        before = [RunName(span, "") for span in plan_runs(sealed - 1)]
        used = list(cover(plan_runs(sealed), before, lambda _: True))
        assert sum(span.end - span.begin for span, _ in used) == sealed - 1


def test_a_run_is_named_by_place_and_content():
    seals = [b"a", b"b", b"a", b"b", b"c"]

    names = {name_run(seals, Span(begin, end)) for begin, end in [(0, 2), (2, 4), (3, 5), (0, 1)]}

    assert len({name.digest for name in names}) == 4
    assert name_run(seals, Span(0, 2)) == name_run(seals[:2], Span(0, 2))


def test_an_unreadable_run_counts_as_missing(tmp_path, path, caplog):
    cache = IndexCache(tmp_path)
    name = RunName(Span(0, 1), DIGEST)
    cache.run_path(name).mkdir()

    assert cache.open_run(name) is None
