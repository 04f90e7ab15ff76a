"""Waiting between attempts: full jitter below a bound that doubles, and the host's own wish."""

import pytest

from worker.errors import TimedOutError
from worker.retries import retry_delay_s
from worker.settings import load_settings


@pytest.mark.parametrize(("attempts", "bound"), [(0, 2), (1, 2), (2, 4), (5, 32), (60, 900)])
def test_the_wait_is_spread_below_a_bound_that_doubles(attempts, bound):
    settings = load_settings(retry_base=2.0, retry_cap=900.0)

    waits = [retry_delay_s(TimedOutError("late"), attempts=attempts, settings=settings) for _ in range(500)]

    assert 0 <= min(waits) < bound * 0.1
    assert bound * 0.9 < max(waits) <= bound


def test_the_hosts_wish_is_a_lower_bound():
    settings = load_settings(retry_base=2.0)
    error = TimedOutError("later", retry_after_s=60.0)

    waits = [retry_delay_s(error, attempts=1, settings=settings) for _ in range(100)]

    assert 60 <= min(waits) <= max(waits) <= 62
