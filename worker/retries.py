"""What becomes of an image that failed: another attempt later, with growing random waits, or the end in `failures`."""

import random
from dataclasses import dataclass
from time import time

from worker.entries import Entry, History
from worker.errors import ImageError, TransientError
from worker.ownership import Ownership
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Failed:
    """An entry that failed, with the id of its image where the entry tells one, and why."""

    entry: Entry
    history: History
    image_id: str | None
    error: ImageError


def end_failed(failed: Failed, *, ownership: Ownership, settings: Settings) -> bool:
    """End an entry that failed; False where nothing was done because its image is recorded after all."""
    entry, history, error = failed.entry, failed.history, failed.error
    first_s = history.first_seen_at_ms / 1000 if history.first_seen_at_ms else time()
    may_wait_s = first_s + settings.retry_for - time()
    attempts = history.attempts + (error.costs_attempt if isinstance(error, TransientError) else 1)
    if isinstance(error, TransientError) and may_wait_s > 0:
        delay_s = min(may_wait_s, retry_delay_s(error, attempts=attempts, settings=settings))
        ownership.retry(entry, delay_s=delay_s, attempts=attempts, deaths=history.deaths)
        return True
    status = ownership.fail(
        entry,
        image_id=failed.image_id,
        reason=error.reason,
        detail=error.detail,
        attempts=attempts,
        keep=settings.failures_keep,
    )
    return status != "RECORDED"


def retry_delay_s(error: TransientError, *, attempts: int, settings: Settings) -> float:
    """Give the seconds to wait after attempt number `attempts` (from 1).

    Full jitter (Brooker, "Exponential Backoff and Jitter", 2015): uniform below min(cap, base * 2^(attempts - 1)), so
    that the images of one host do not come back at the same moment. A `Retry-After` is a lower bound of its own.
    """
    bound = min(settings.retry_cap, settings.retry_base * 2 ** min(max(attempts - 1, 0), 30))
    jitter = random.uniform(0, bound)  # noqa: S311 - nothing secret
    if error.retry_after_s is not None:
        return error.retry_after_s + jitter
    return jitter
