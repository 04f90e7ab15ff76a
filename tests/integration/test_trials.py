"""Trials: suspects in processes of their own, one at a time, beside what else a child does."""

import threading
from contextlib import contextmanager

import pytest

from tests.soft_images import draw, encode
from tests.waiting import wait_until
from worker.entries import Entry
from worker.errors import NotAnImageError, SuspectNotTriedError
from worker.hashing import hash_image
from worker.notes import Note
from worker.trials import AT_ONCE, Trials

PIXELS = 10**6


def _entry(at: int) -> Entry:
    return Entry("live", "{test}:images:live", f"{at}-0", 1, {})


@pytest.fixture
def trials(tmp_path):
    note = Note(tmp_path, uuid="0" * 32, consumer="child-1", parent="parent-1")
    made = Trials(note, max_pixels=PIXELS, timeout_s=20, memory_bytes=2**29)
    yield made
    made.close()
    note.close()


@pytest.fixture
def no_more_threads():
    """A block in which this process can start no thread: each wants a stack of half the address space."""

    @contextmanager
    def refused():
        before = threading.stack_size(2**46)
        try:
            yield
        finally:
            threading.stack_size(before)

    return refused()


def _all_ended(trials, count):
    ended = []

    def is_done():
        ended.extend(trials.ended())
        return len(ended) == count

    wait_until(is_done, timeout_s=30, what=f"{count} trials")
    return ended


def test_each_ends_with_its_hash_or_with_what_is_wrong(trials):
    body = encode(draw(1))

    trials.submit(_entry(1), body)
    trials.submit(_entry(2), b"no image")
    (first, hashed), (second, error) = _all_ended(trials, 2)

    assert (first, hashed) == (_entry(1), hash_image(body, max_pixels=PIXELS))
    assert (second, type(error)) == (_entry(2), NotAnImageError)


def test_what_is_too_much_comes_again_later_and_costs_no_attempt(trials):
    for at in range(AT_ONCE):
        trials.submit(_entry(at), b"no image")

    with pytest.raises(SuspectNotTriedError) as refused:
        trials.submit(_entry(AT_ONCE), b"no image")

    assert not refused.value.costs_attempt
    assert len(_all_ended(trials, AT_ONCE)) == AT_ONCE
    trials.submit(_entry(AT_ONCE), b"no image")
    assert len(_all_ended(trials, 1)) == 1


def test_what_was_abandoned_never_ends_and_its_place_is_free(trials):
    for at in range(AT_ONCE):
        trials.submit(_entry(at), b"no image")

    trials.abandon()
    trials.submit(_entry(9), b"no image")

    assert [entry for entry, _ in _all_ended(trials, 1)] == [_entry(9)]


def test_a_thread_that_cannot_be_started_keeps_no_suspect(trials, no_more_threads):
    with no_more_threads, pytest.raises(SuspectNotTriedError, match="thread"):
        trials.submit(_entry(1), b"no image")

    trials.submit(_entry(2), b"no image")

    assert [entry for entry, _ in _all_ended(trials, 1)] == [_entry(2)]


def test_a_trial_that_goes_wrong_on_our_side_can_be_tried_again(trials, no_more_threads):
    trials.submit(_entry(1), b"no image")
    _all_ended(trials, 1)

    with no_more_threads:
        # Who asks a process has a thread that watches it.
        trials.submit(_entry(2), b"no image")
        [(_, error)] = _all_ended(trials, 1)
    trials.submit(_entry(3), b"no image")
    [(_, other)] = _all_ended(trials, 1)

    assert isinstance(error, SuspectNotTriedError)
    assert isinstance(other, NotAnImageError)
