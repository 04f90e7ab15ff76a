"""Death notes: a dead child is told from a living one, with what it was decoding."""

import os
import signal
from pathlib import Path

import pytest

from worker.entries import Entry
from worker.notes import Decoding, Note, ParentLock, clear_notes, count_draining, dead_children

UUID = "0" * 32
ENTRY = Entry("live", "{test}:images:live", "17-1", 3, {})
SUSPECT = Entry("backlog", "{test}:images:backlog", "9-0", 2, {})
NOTED = Decoding("live", "{test}:images:live", "17-1", 3)
TRIED = Decoding("backlog", "{test}:images:backlog", "9-0", 2)


@pytest.fixture
def parent(tmp_path):
    lock = ParentLock(tmp_path)
    yield lock
    lock.close()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_decoding(note: Note) -> None:
    with note.decoding(ENTRY):
        _die()


def _die_trying_and_decoding(note: Note) -> None:
    with note.trying(SUSPECT), note.decoding(ENTRY):
        _die()


def _die_while(doing, tmp_path: Path, parent: ParentLock) -> None:
    """Run `doing(note)` in a child process that is killed at its end."""
    pid = os.fork()
    if pid == 0:
        parent.leave_to_parent()
        doing(Note(tmp_path, uuid=UUID, consumer="child-1", parent=parent.name))
        _die()
    os.waitpid(pid, 0)


def _dead(tmp_path: Path, parent_name: str):
    with dead_children(tmp_path, uuid=UUID, parent=parent_name) as found:
        return [(child.consumer, child.parent_lives, child.decoding) for child in found]


def test_a_living_child_is_not_dead(tmp_path, parent):
    note = Note(tmp_path, uuid=UUID, consumer="child-1", parent=parent.name)
    with note.decoding(ENTRY):
        found = _dead(tmp_path, parent.name)
    note.close()

    assert found == []


def test_a_child_that_died_while_it_decoded_tells_what(tmp_path, parent):
    _die_while(_die_decoding, tmp_path, parent)

    assert _dead(tmp_path, parent.name) == [("child-1", True, (NOTED,))]
    assert _dead(tmp_path, parent.name) == []


def test_a_child_that_died_beside_a_trial_tells_both(tmp_path, parent):
    _die_while(_die_trying_and_decoding, tmp_path, parent)

    assert _dead(tmp_path, parent.name) == [("child-1", True, (NOTED, TRIED))]


def test_a_child_that_died_between_images_accuses_none(tmp_path, parent):
    def decode_and_go_on(note):
        with note.decoding(ENTRY):
            pass

    _die_while(decode_and_go_on, tmp_path, parent)

    assert _dead(tmp_path, parent.name) == [("child-1", True, ())]


def test_a_dead_child_of_another_living_parent_is_left_to_it(tmp_path, parent):
    _die_while(lambda note: None, tmp_path, parent)
    other = ParentLock(tmp_path)

    assert _dead(tmp_path, other.name) == []
    other.close()


def test_a_dead_child_of_a_dead_parent_is_found_by_any_other(tmp_path):
    dead_parent = ParentLock(tmp_path)
    _die_while(_die_decoding, tmp_path, dead_parent)
    dead_parent.close()
    other = ParentLock(tmp_path)

    assert _dead(tmp_path, other.name) == [("child-1", False, (NOTED,))]
    other.close()


def test_an_error_while_it_is_handled_keeps_the_note(tmp_path, parent):
    _die_while(_die_decoding, tmp_path, parent)

    with pytest.raises(RuntimeError), dead_children(tmp_path, uuid=UUID, parent=parent.name):
        raise RuntimeError

    assert len(_dead(tmp_path, parent.name)) == 1


def test_a_cleared_note_accuses_none(tmp_path, parent):
    _die_while(_die_trying_and_decoding, tmp_path, parent)

    clear_notes(tmp_path, uuid=UUID, parent=parent.name)

    assert _dead(tmp_path, parent.name) == [("child-1", True, ())]


def test_only_children_in_a_drain_are_counted_as_busy(tmp_path, parent):
    busy = Note(tmp_path, uuid=UUID, consumer="child-1", parent=parent.name)
    idle = Note(tmp_path, uuid=UUID, consumer="child-2", parent=parent.name)

    with busy.draining():
        during = count_draining(tmp_path, uuid=UUID, parent=parent.name)
    after = count_draining(tmp_path, uuid=UUID, parent=parent.name)
    busy.close()
    idle.close()

    assert (during, after) == (1, 0)


def test_a_parent_that_starts_removes_the_locks_of_dead_ones_alone(tmp_path, parent):
    pid = os.fork()
    if pid == 0:
        ParentLock(tmp_path)
        _die()
    os.waitpid(pid, 0)
    assert len(list(tmp_path.glob("workers/*.lock"))) == 2

    another = ParentLock(tmp_path)

    names = {path.stem for path in tmp_path.glob("workers/*")}
    another.close()
    assert names == {parent.name, another.name}
