"""One batch on its way onto a stream: the commands, what their replies say, and when to give up.

It holds no connection, so that `Producer` and `AsyncProducer` share it.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

import redis.exceptions as errors

from producer.errors import ArchiveFullError, NotAcceptedError, ServerRefusedError, ServerUnavailableError
from producer.messages import ImageMessage
from producer.names import WAKE_TTL_MS, Lane, Names

OUTAGES = (errors.ConnectionError, errors.TimeoutError)
"""The server is away, starting, or does not know this user: `Batch.note_outage` tells which."""

_KEEPS_OUT = (errors.AuthenticationError, errors.AuthorizationError)
_PASSES = (errors.ReadOnlyError, errors.ClusterDownError, errors.TryAgainError)
_PASSING = ("MISCONF", "NOREPLICAS", "READONLY")
"""Refusals that end by themselves, as of a server that is failing over: by class, and by first word."""

_FULL = "OOM"
_BEHIND = (" of pipeline caused error: ", "Transaction discarded because of: ")
"""What redis-py and the server put before a refusal within a transaction; redis-py's holds the command, URL and all."""

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_TELL_AFTER_S = 1.0
"""Seconds of an outage after which it is logged that one waits; a restart takes less."""

_log = logging.getLogger(__name__)


class Batch:
    """Messages on their way; `remaining` are those that are not accepted yet."""

    def __init__(self, messages: Sequence[ImageMessage], *, server: str, patience_s: float) -> None:
        """Begin to wait now; `server` is the name that errors and logs show."""
        self.remaining = list(messages)
        self.waiting = 0
        """Entries in the lane when the last message was appended, those being worked on included."""
        self.met_replica = False
        """Whether the server was a read-only replica: the connection may lead to what was the primary before."""
        self._accepted: list[str] = []
        self._server = server
        self._begun = time.monotonic()
        self._gives_up_at = self._begun + patience_s
        self._pause_s = _FIRST_PAUSE_S
        self._has_told = False

    def add_commands(self, pipeline: Any, names: Names, lane: Lane) -> None:  # noqa: ANN401 - either of redis-py's
        """Put the commands on a pipeline without a transaction: append first, then wake.

        Writes the lane's stream and the key `wake` (string).
        """
        stream = names.stream(lane)
        for message in self.remaining:
            command: list[str | bytes] = ["XADD", stream, "*"]
            for field in message.to_fields().items():
                command += field
            pipeline.execute_command(*command)
        pipeline.xlen(stream)
        pipeline.set(names.wake, "1", nx=True, px=WAKE_TTL_MS)

    def note_replies(self, replies: Sequence[Any]) -> bool:
        """Take in the replies; say whether it falls to this producer to send a wake-up.

        Raises:
            ArchiveFullError: The server is at its `maxmemory`.
            ServerRefusedError: It refuses for a reason that does not pass by itself.
        """
        *appended, waiting, has_taken_wake = replies
        refused = []
        problem: Exception | None = None
        for message, reply in zip(self.remaining, appended, strict=True):
            if isinstance(reply, Exception):
                self.met_replica = is_of_replica(reply)
                refused.append(message)
                problem = reply
            else:
                self._accepted.append(message.image_id)
        self.remaining = refused
        if isinstance(waiting, int):
            self.waiting = waiting
        if problem is not None and not is_passing(problem):
            raise self.refusal(problem)
        return has_taken_wake is True

    def note_full(self) -> NotAcceptedError:
        """Give the error for a server whose memory is nearly full."""
        return self._error(ArchiveFullError, "uses 85 % of its maxmemory or more")

    def note_outage(self, problem: Exception | None = None) -> float:
        """Give the seconds to wait before the next try; log once that one waits, where it takes long.

        Raises:
            ServerRefusedError: The server does not let this user in.
            ServerUnavailableError: The patience has ended.
        """
        if isinstance(problem, _KEEPS_OUT):
            raise self.refusal(problem)
        told = "refuses writes" if problem is None else "cannot be reached"
        now = time.monotonic()
        if now + self._pause_s > self._gives_up_at:
            raise self._error(ServerUnavailableError, told)
        if not self._has_told and now - self._begun >= _TELL_AFTER_S:
            self._has_told = True
            left_s = self._gives_up_at - now
            _log.warning("the server %s %s: waiting for it, %.0f s at most", self._server, told, left_s)
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, _LONGEST_PAUSE_S)
        return pause_s

    def refusal(self, problem: Exception) -> NotAcceptedError:
        """Give the error for an answer that does not change by waiting."""
        told = _answer(problem)
        if isinstance(problem, errors.OutOfMemoryError) or told.startswith(_FULL):
            return self._error(ArchiveFullError, "is at its maxmemory")
        return self._error(ServerRefusedError, f"refuses: {told[:200]}")

    def _error(self, kind: type[NotAcceptedError], problem: str) -> NotAcceptedError:
        told = f"the server {self._server} {problem}"
        return kind(told, accepted=self._accepted, not_accepted=len(self.remaining))


def is_passing(problem: Exception) -> bool:
    """Say whether a refusal ends by itself."""
    return isinstance(problem, _PASSES) or _answer(problem).startswith(_PASSING)


def is_of_replica(problem: Exception) -> bool:
    """Say whether a read-only replica refused."""
    return isinstance(problem, errors.ReadOnlyError) or _answer(problem).startswith("READONLY")


def _answer(problem: Exception) -> str:
    """Give what the server said, and nothing of what was sent."""
    told = str(problem)
    for words in _BEHIND:
        told = told.rpartition(words)[2]
    return told
