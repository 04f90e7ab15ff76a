"""Appends the batches of a run so that each is on its lane once, whatever was cut off in between.

The server itself keeps which step of the run it has taken last, written in one transaction with the batch: so the
next try, or the next process, can ask. See `docs/decisions/0034-keep-the-last-step-on-the-server.md`.
"""

import secrets
import time
from collections.abc import Sequence

from redis.exceptions import ResponseError, WatchError

from producer.append import OUTAGES, Batch, is_of_replica, is_passing
from producer.errors import ProducerError
from producer.messages import ImageMessage
from producer.names import OpenLane
from producer.queue import Producer
from producer.steps import Step, decode_step

KEPT_S = 30 * 24 * 3600
"""Seconds for which the server remembers a run behind its last batch; a later one may send one batch twice."""


class OtherRunError(ProducerError):
    """Raised when another process sends the same run; whichever is started last goes on where both stopped."""


class StepProducer(Producer):
    """A producer that appends a step of a run once; for one thread."""

    _sender: str = ""

    def last_step(self, run: str) -> Step | None:
        """Give the step of a run that the server took last, None where it knows of none.

        Raises:
            NotAcceptedError: The server is away, or refuses to tell; the subclass says which.
        """
        batch = Batch([], server=self._shown, patience_s=self._patience_s)
        while True:
            try:
                encoded = self.server.get(self.names.run(run))
            except OUTAGES as problem:
                time.sleep(batch.note_outage(problem))
            except ResponseError as problem:
                raise batch.refusal(problem) from None
            else:
                return decode_step(encoded)[0] if encoded else None

    def append_step(self, messages: Sequence[ImageMessage], *, lane: OpenLane, run: str, step: Step) -> int:
        """Append checked messages in one transaction, once, and give the length of the lane.

        Writes the lane's stream, `wake` and `run:…` (string). Three round trips: a connection that was given up
        may still deliver its transaction later, and only WATCH lets one of the two fail.

        Raises:
            NotAcceptedError: The server is away, full, or refuses; the subclass says which. All or nothing.
            OtherRunError: Another process has sent this step, or one behind it.
        """
        self._sender = self._sender or secrets.token_hex(8)
        batch = Batch(messages, server=self._shown, patience_s=self._patience_s)
        while True:
            try:
                self.check_memory(batch)
                with self.server.pipeline() as transaction:
                    transaction.watch(self.names.run(run))  # type: ignore[no-untyped-call] # redis-py left it out
                    before = transaction.get(self.names.run(run))
                    if self._has_taken(step, before):
                        return self.count_waiting(lane)
                    transaction.multi()
                    batch.add_commands(transaction, self.names, lane)
                    transaction.set(self.names.run(run), step.encode(self._sender), ex=KEPT_S)
                    *replies, _ = transaction.execute(raise_on_error=False)
            except (*OUTAGES, WatchError) as problem:
                time.sleep(batch.note_outage(problem))
                continue
            except ResponseError as problem:
                if not is_passing(problem):
                    raise batch.refusal(problem) from None
                if is_of_replica(problem):
                    # As `append` does: the next connection finds the primary.
                    self.server.connection_pool.disconnect(inuse_connections=False)
                time.sleep(batch.note_outage())
                continue
            if any(isinstance(reply, Exception) for reply in replies):
                # EXEC goes on behind an error, so the batch is not whole: a later run is to send it again.
                self.server.set(self.names.run(run), before or "", ex=KEPT_S)
            if batch.note_replies(replies):
                self._waker.send()
            if not batch.remaining:
                return batch.waiting
            time.sleep(batch.note_outage())

    def _has_taken(self, step: Step, encoded: bytes | str | None) -> bool:
        """Say whether an earlier try of this step has arrived after all."""
        if not encoded:
            return False
        last, sender = decode_step(encoded)
        if last.number < step.number:
            return False
        if (last.number, sender) == (step.number, self._sender):
            return True
        raise OtherRunError("another process sends with the same checkpoint, or did so until just now")
