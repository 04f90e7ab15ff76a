"""Waits for a condition with a deadline: what tests have instead of a sleep."""

import time
from collections.abc import Callable

import pytest


def wait_until(condition: Callable[[], object], *, timeout_s: float = 20.0, what: str = "") -> None:
    """Wait until `condition` holds, or fail with `what` never came."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"never came in {timeout_s} s: {what or condition}")
        time.sleep(0.01)
