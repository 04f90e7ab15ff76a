"""The shares of a child's window: nobody is shut out, and what waits for its host takes no slot."""

import pytest

from worker.entries import Entry
from worker.window import Window, measure_window


@pytest.mark.parametrize(
    ("window", "for_live", "for_others"),
    [
        (Window(256, 0, 0, 0, 0), 224, 224),
        (Window(256, 224, 0, 0, 0), 0, 32),
        (Window(256, 0, 224, 0, 0), 32, 0),
        (Window(256, 100, 100, 0, 0), 56, 56),
        (Window(256, 0, 0, 0, 1000), 224, 0),
        (Window(256, 0, 0, 1000, 0), 0, 224),
        (Window(256, 0, 0, 990, 995), 10, 5),
        (Window(8, 7, 1, 0, 0), 0, 0),
    ],
)
def test_each_kind_has_its_share(window, for_live, for_others):
    assert (window.room_for_live(), window.room_for_others(taken_now=0)) == (for_live, for_others)


def test_live_images_that_were_just_taken_are_counted():
    assert Window(256, 100, 100, 0, 0).room_for_others(taken_now=50) == 6


def test_what_waits_for_its_host_takes_no_slot():
    held = (
        [Entry("live", "", "", 1, {})] * 10
        + [Entry("retry", "", "", 1, {})] * 5
        + [Entry("backlog", "", "", 1, {})] * 20
    )

    window = measure_window(256, held=held, parked=12, parked_live=3)

    assert window == Window(256, 7, 16, 3, 9)
