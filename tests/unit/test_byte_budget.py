from worker.fetching.byte_budget import ByteBudget


def opened(limit_bytes: int, *downloads: str) -> ByteBudget:
    budget = ByteBudget(limit_bytes)
    for download in downloads:
        budget.open(download)
    return budget


def test_downloads_keep_what_fits():
    budget = opened(800, "a", "b")

    taken = [budget.take("a", 300, urgent=False), budget.take("b", 400, urgent=False)]

    assert taken == [True, True]
    assert budget.used == 700


def test_beyond_the_limit_only_the_oldest_download_reads_on():
    budget = opened(800, "a", "b")
    budget.take("b", 700, urgent=False)

    taken = [budget.take("b", 1, urgent=False), budget.take("a", 10_000, urgent=False)]

    assert taken == [False, True]


def test_the_last_eighth_is_kept_for_urgent_downloads():
    budget = opened(800, "a", "b", "c")
    budget.take("a", 700, urgent=False)

    taken = [
        budget.take("b", 1, urgent=False),
        budget.take("c", 100, urgent=True),
        budget.take("c", 1, urgent=True),
    ]

    assert taken == [False, True, False]


def test_what_is_closed_makes_room_and_tells_whether_another_waits():
    budget = opened(800, "a", "b", "c")
    budget.take("a", 600, urgent=False)

    nobody_waited = budget.close("c")
    refused = budget.take("b", 500, urgent=False)
    somebody_waited = budget.close("a")

    assert (nobody_waited, refused, somebody_waited) == (False, False, True)
    assert budget.take("b", 500, urgent=False)
    assert budget.used == 500


def test_a_download_that_was_closed_holds_nobody_up():
    budget = opened(800, "a", "b")
    budget.take("a", 10_000, urgent=False)
    budget.close("b")

    assert budget.take("b", 10_000, urgent=False)
    assert budget.used == 10_000


def test_an_oldest_download_that_is_closed_leaves_its_place_to_the_next():
    budget = opened(800, "a", "b", "c")
    budget.take("c", 700, urgent=False)
    budget.close("a")

    assert budget.take("b", 10_000, urgent=False)
    assert not budget.take("c", 1, urgent=False)
