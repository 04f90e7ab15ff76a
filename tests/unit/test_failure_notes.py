"""What a terminal says of images that fail: soon, and then once a minute."""

from worker.commands.failure_notes import FailureNotes


def _counters(**failed):
    return {"images": 7, **{f"failed:{reason}": number for reason, number in failed.items()}}


def test_the_first_failures_are_told_together_within_seconds():
    notes = FailureNotes(_counters(tls=5))

    told = [
        notes.tell(_counters(tls=5 + number, refused_address=40 * number), now_s=1000 + number)
        for number in range(4)
    ]

    assert told == [
        None,
        None,
        None,
        "123 images failed (120 refused_address, 3 tls): `lookalike failures` tells why",
    ]


def test_later_ones_are_told_once_a_minute_and_at_the_end():
    notes = FailureNotes({})
    told = [notes.tell(_counters(tls=second), now_s=second) for second in range(120)]

    last = notes.tell(_counters(tls=120), now_s=120, is_last=True)

    assert [(second, line.partition(" ")[0]) for second, line in enumerate(told) if line] == [
        (3, "3"),
        (63, "60"),
    ]
    assert last == "57 images failed (57 tls): `lookalike failures` tells why"


def test_where_nothing_failed_nothing_is_told():
    notes = FailureNotes(_counters(tls=1))

    assert notes.tell(_counters(tls=1), now_s=100, is_last=True) is None


def test_one_image_is_told_as_one():
    assert FailureNotes({}).tell(_counters(timed_out=1), now_s=1, is_last=True) == (
        "1 image failed (1 timed_out): `lookalike failures` tells why"
    )
