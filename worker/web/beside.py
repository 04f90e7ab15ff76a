"""What may take long runs in threads of its own, so that the threads of all other requests stay free."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from anyio import CapacityLimiter, move_on_after
from anyio.to_thread import run_sync

from worker.web.problems import ProblemError

MAX_WAITING = 64
PATIENCE_S = 2.0
"""Seconds that a thumbnail waits for a thread before it is drawn."""

_Given = TypeVar("_Given")


@dataclass(frozen=True, slots=True)
class Beside:
    """How many threads each kind of work has; made within the event loop."""

    images: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(8))
    growth: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    thumbnails: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(8))


async def run_beside(limiter: CapacityLimiter, function: Callable[[], _Given]) -> _Given:
    """Run `function` in a thread of the `limiter`, once one is free.

    Raises:
        ProblemError: Too many wait already.
    """
    if limiter.statistics().tasks_waiting >= MAX_WAITING:
        raise busy()
    return await run_sync(function, limiter=limiter)


async def run_soon(limiter: CapacityLimiter, function: Callable[[], _Given]) -> _Given | None:
    """Run `function` in a thread of the `limiter`; None where none is free within 2 s, or too many wait."""
    if limiter.statistics().tasks_waiting >= MAX_WAITING:
        return None
    # Only the wait can be left: what runs, runs to its end.
    with move_on_after(PATIENCE_S):
        return await run_sync(function, limiter=limiter)
    return None


def busy() -> ProblemError:
    """Tell that others are served first."""
    told = "too many others are being answered: try again in a moment"
    return ProblemError(503, "busy", told, headers={"Retry-After": "5"})
