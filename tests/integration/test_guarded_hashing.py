"""Decoders beside the page: each ends, and none of them leaves anything behind."""

import os
from pathlib import Path

import pytest

from tests.waiting import wait_until
from worker.errors import SuspectNotTriedError
from worker.reading.guarded_hashing import GuardedHashing

DEMO_FOLDER = Path(__file__).parent.parent.parent / "demo"
PICTURE = (DEMO_FOLDER / "chelsea.jpg").read_bytes()
PHASH = 0xB15FE6465121175E


@pytest.fixture
def hashing():
    made = GuardedHashing(count=1, max_pixels=10**8, timeout_s=10, memory_bytes=2**29)
    yield made
    made.close()


def _children():
    """Give the ids of this process's own children that decode."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, after = stat.read_text().rpartition(")")
            line = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if after.split()[1] == str(os.getpid()) and b"decoder_process" in line:
            found.append(int(stat.parent.name))
    return found


def _descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_decoder_that_died_idle_is_replaced_and_leaves_no_pipe(hashing):
    assert hashing.hash(PICTURE, patience_s=1).hashed.phash == PHASH
    before = _descriptors()

    for _ in range(3):
        [pid] = _children()
        os.kill(pid, 9)
        wait_until(lambda pid=pid: _is_dead(pid), timeout_s=10, what="the decoder is dead")
        assert hashing.hash(PICTURE, patience_s=1).hashed.phash == PHASH

    assert _descriptors() == before


def test_a_start_that_fails_keeps_its_place(hashing):
    hashing.close()

    hashing.warm_up()

    # Not BusyError: the only place is free.
    with pytest.raises(SuspectNotTriedError):
        hashing.hash(PICTURE, patience_s=0)


def _is_dead(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
