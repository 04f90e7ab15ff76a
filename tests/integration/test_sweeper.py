"""The thread that sweeps: nothing that lies in the folder of notes ends it; and whom it charges for a death."""

import pytest

from tests.waiting import wait_until
from worker.notes import DeadChild, Decoding, ParentLock
from worker.sweeper import Sweeper


@pytest.fixture
def woken():
    """The wake-ups that were sent."""
    return []


@pytest.fixture
def sweeper(scripts, keys, tmp_path, woken):
    """A sweeper that has not been started."""
    lock = ParentLock(tmp_path)
    yield Sweeper(
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
    lock.close()


@pytest.fixture
def sweeping(sweeper, woken):
    """Starts the sweeper; gives its list of wake-ups."""
    sweeper.start()
    yield woken
    sweeper.stop()


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


@pytest.mark.parametrize(
    ("decoding", "parent_lives", "charged"),
    [
        (["decoded", "tried"], True, ["decoded"]),
        (["tried"], True, ["tried"]),
        (["decoded", "tried"], False, ["decoded", "tried"]),
    ],
    ids=["of what it decoded", "of nothing else", "with all others"],
)
def test_what_is_tried_is_charged_where_nothing_else_explains_the_death(  # noqa: PLR0913, PLR0917 - fixtures
    decoding, parent_lives, charged, sweeper, consumer, send, client, keys
):
    for name in ("decoded", "tried", "waits"):
        send(name)
    dead = consumer("dead")
    noted = {
        name: Decoding(entry.lane, entry.stream, entry.id, entry.delivery)
        for name, entry in zip(("decoded", "tried", "waits"), dead.take(), strict=True)
    }

    sweeper.bury(DeadChild("dead", parent_lives, tuple(noted[name] for name in decoding)))

    delayed = b"".join(client.zrange(keys.delayed, 0, -1)).decode()
    freed = {entry.id for entry in consumer("other").take()}
    assert [name for name in noted if noted[name].entry_id in delayed] == charged
    assert freed == {noted[name].entry_id for name in noted if name not in charged}
