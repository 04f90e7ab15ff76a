"""What can go wrong on the way in; the class says what the caller should do."""

from collections.abc import Sequence


class ProducerError(Exception):
    """The root of the errors that a producer raises."""


class InvalidMessageError(ProducerError, ValueError):
    """Raised when a message breaks the contract; sending it again will not help.

    `field` is the name of the offending field. The message names it and its value; of URLs it shows scheme,
    host and path only. `accepted` holds the ids of those before it that were sent in the same call.
    """

    def __init__(self, problem: str, *, field: str) -> None:
        super().__init__(problem)
        self.field = field
        self.accepted: list[str] = []


class NotAcceptedError(ProducerError):
    """Raised when some messages were not accepted; sending those again later may succeed.

    `accepted` holds the ids of those that were; `not_accepted` counts the others that were taken from the
    caller. An image whose answer was lost counts as not accepted: sent again it is still recorded once.
    """

    def __init__(self, problem: str, *, accepted: Sequence[str] = (), not_accepted: int = 1) -> None:
        super().__init__(f"{problem}; not accepted: {not_accepted:,}")
        self.problem = problem
        self.accepted = list(accepted)
        self.not_accepted = not_accepted


class ServerUnavailableError(NotAcceptedError):
    """Raised when the server could not be reached for as long as the producer's patience lasts."""


class ServerRefusedError(NotAcceptedError):
    """Raised when the server answers, and forbids a producer what it needs: password, rights."""


class ArchiveFullError(NotAcceptedError):
    """Raised when the server's memory is nearly full; wait for the workers, or give it more."""
