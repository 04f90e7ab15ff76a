"""The thread that sweeps: nothing that lies in the folder of notes ends it."""

import pytest

from tests.waiting import wait_until
from worker.notes import ParentLock
from worker.sweeper import Sweeper


@pytest.fixture
def sweeping(scripts, keys, tmp_path):
    """Starts a sweeper; gives its list of wake-ups."""
    lock = ParentLock(tmp_path)
    woken = []
    sweeper = Sweeper(
        scripts,
        keys=keys,
        lease_s=30,
        failures_keep=100,
        state_dir=tmp_path,
        parent=lock,
        worker="worker",
        wake=lambda: woken.append(True),
        concurrency=1,
    )
    sweeper.start()
    yield woken
    sweeper.stop()
    lock.close()


@pytest.mark.parametrize(
    "content",
    [
        bytes(1024) + b"\1\0\5nonse" + bytes(1016),
        bytes(1024) + b"\1\0\2{}" + bytes(1019),
        bytes(1024) + b"\1\0\2[]" + bytes(1019),
        bytes(1024) + b"\1\xff\xff" + bytes(1021),
    ],
    ids=["no JSON", "no parent", "a list", "too long"],
)
def test_a_note_that_cannot_be_read_does_not_end_the_sweeps(content, sweeping, uuid, send, tmp_path):
    folder = tmp_path / "notes" / uuid
    folder.mkdir(parents=True)
    (folder / "0.note").write_bytes(content)
    send("one.jpg")

    wait_until(lambda: len(sweeping) >= 2, timeout_s=5, what="wake-ups")
