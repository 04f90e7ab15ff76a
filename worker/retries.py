"""How long an image waits for its next attempt: full jitter below a bound that doubles, or the host's own wish."""

import random

from worker.errors import TransientError
from worker.settings import Settings


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
