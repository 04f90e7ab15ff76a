"""What an error that ends a verb means: one sentence for stderr, and the exit status."""

from typing import NamedTuple

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from worker.errors import ServiceError

UNAVAILABLE = 69
FULL = 75


class Outcome(NamedTuple):
    """How a verb ends that could not do its work."""

    problem: str
    status: int


def explain(error: Exception) -> Outcome | None:
    """Tell what an error means to whoever typed the command; None where it is a defect."""
    match error:
        case ServiceError():
            return Outcome(str(error), error.exit_status)
        case OutOfMemoryError():
            return Outcome(
                "the server is at its maxmemory: give it more, or wait until the workers made room", FULL
            )
        case RedisConnectionError() | RedisTimeoutError():
            return Outcome(f"the server went away: {error}", UNAVAILABLE)
        case RedisError():
            return Outcome(f"the server refuses: {error}", UNAVAILABLE)
        case _:
            return None
