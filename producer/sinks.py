"""Where a run's batches go: onto the lane, onto the lane once, or nowhere."""

from collections.abc import Sequence
from typing import Protocol

from producer.messages import ImageMessage
from producer.names import OpenLane
from producer.once import StepProducer
from producer.steps import Step


class Sink(Protocol):
    """Where messages go."""

    def append(self, messages: Sequence[ImageMessage], *, lane: OpenLane, step: Step) -> int:
        """Append the messages of a step and give the length of the lane."""

    def count_waiting(self, lane: OpenLane) -> int:
        """Count the entries of a lane."""

    def drop_known(self, messages: Sequence[ImageMessage]) -> list[ImageMessage]:
        """Give those that the archive does not have."""


class Direct:
    """Sends each batch as any producer does: after a broken connection it may arrive twice."""

    def __init__(self, producer: StepProducer) -> None:
        self._producer = producer
        self.count_waiting = producer.count_waiting
        self.drop_known = producer.drop_known

    def append(self, messages: Sequence[ImageMessage], *, lane: OpenLane, step: Step) -> int:  # noqa: ARG002 - as a Sink
        """Append in one round trip."""
        return self._producer.append(messages, lane=lane)


class Once:
    """Sends each batch of a run once."""

    def __init__(self, producer: StepProducer, *, run: str) -> None:
        self._producer = producer
        self._run = run
        self.count_waiting = producer.count_waiting
        self.drop_known = producer.drop_known

    def append(self, messages: Sequence[ImageMessage], *, lane: OpenLane, step: Step) -> int:
        """Append in one transaction."""
        return self._producer.append_step(messages, lane=lane, run=self._run, step=step)


class DryRun:
    """Keeps the first messages to show them, and sends none."""

    SHOWN = 3

    def __init__(self) -> None:
        self.first: list[ImageMessage] = []

    def append(self, messages: Sequence[ImageMessage], *, lane: OpenLane, step: Step) -> int:  # noqa: ARG002 - as a Sink
        """Keep the first ones."""
        self.first += messages[: self.SHOWN - len(self.first)]
        return 0

    def count_waiting(self, lane: OpenLane) -> int:  # noqa: ARG002 - as a Sink
        """Ask nobody."""
        return 0

    def drop_known(self, messages: Sequence[ImageMessage]) -> list[ImageMessage]:
        """Ask nobody."""
        return list(messages)
