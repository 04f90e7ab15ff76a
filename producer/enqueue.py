"""One run of `lookalike enqueue`: sources to rows to messages to batches that are accepted."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from producer.checkpoint import Checkpoint
from producer.errors import InvalidMessageError, NotAcceptedError
from producer.interrupts import hold_interrupt
from producer.mapping import FieldMapping
from producer.messages import ImageMessage
from producer.names import OpenLane
from producer.pace import Pace
from producer.queue import BATCH
from producer.readers.rows import Position, Row
from producer.rejects import Rejects
from producer.sinks import Sink
from producer.sources import Source
from producer.steps import Step

LOOK_AGAIN_S = 0.5
"""Seconds between looks at a lane that is too long."""


class Reporter(Protocol):
    """Whoever tells a person how the run is going."""

    def advance(self, source: Source) -> None:
        """Tell how far the run has come."""

    def hold_back(self, waiting: int) -> None:
        """Tell that the lane is too long, with `waiting` entries."""

    def complain(self, place: str, problem: str) -> None:
        """Tell what is wrong with a row."""


@dataclass(frozen=True)
class Options:
    """How a run goes."""

    lane: OpenLane
    rate: float
    """Images a second; 0 is no limit."""
    max_waiting: int
    """Entries in the lane beyond which the run holds back."""
    limit: int
    """Images after which the run ends; 0 is no limit."""
    skips_known: bool


class Run:
    """Sends what the sources hold, batch after batch."""

    def __init__(  # noqa: PLR0913 - the parts of a run
        self,
        sink: Sink,
        mapping: FieldMapping,
        options: Options,
        *,
        checkpoint: Checkpoint,
        rejects: Rejects,
        reporter: Reporter,
    ) -> None:
        self._sink = sink
        self._mapping = mapping
        self._options = options
        self._checkpoint = checkpoint
        self._rejects = rejects
        self._reporter = reporter
        self._pace = Pace(options.rate)
        self._batch_size = min(BATCH, self._pace.batch or BATCH)
        self._batch: list[ImageMessage] = []
        self._left = options.limit or sys.maxsize

    def send(self, sources: Sequence[Source]) -> None:
        """Send everything, source after source.

        Raises:
            NotAcceptedError: The server is away, full, or refuses.
            OtherRunError: Another process sends with the same checkpoint.
            CheckpointError: A file is not the one that the checkpoint tells of.
        """
        self._checkpoint.save()
        self._hold_back(self._sink.count_waiting(self._options.lane))
        for source in sources:
            if self._left > 0:
                self._send_source(source)

    def _send_source(self, source: Source) -> None:
        position = self._checkpoint.position(source)
        rows = source.rows(
            after=position, as_names=bool(self._mapping.base_url), choose_columns=self._mapping.choose_columns
        )
        for row in rows:
            if row is None:
                self._flush(source, position)
                continue
            messages = self._read(source, row)
            self._batch += messages[: self._left]
            if len(messages) <= self._left:
                position = row.position
            self._left -= len(messages)
            if len(self._batch) >= self._batch_size:
                self._flush(source, position)
            if self._left <= 0:
                break
        self._flush(source, position)

    def _read(self, source: Source, row: Row) -> list[ImageMessage]:
        problem = row.problem
        if row.values is not None:
            try:
                return self._mapping.messages(row.values)
            except InvalidMessageError as error:
                problem = str(error)
        self._checkpoint.counts.bad += 1
        self._rejects.add(source.name, row, problem)
        self._reporter.complain(f"{source.name}:{row.line}", problem)
        return []

    def _flush(self, source: Source, position: Position) -> None:
        counts = self._checkpoint.counts
        batch: Sequence[ImageMessage] = self._batch
        self._batch = []
        if batch and self._options.skips_known:
            unknown = self._sink.drop_known(batch)
            counts.known += len(batch) - len(unknown)
            batch = unknown
        self._pace.wait(len(batch))
        self._rejects.flush()  # first: a batch that is accepted is not read again
        with hold_interrupt():  # what is accepted is also counted and noted
            step = self._checkpoint.next_step(source, position, accepted=len(batch))
            waiting = self._append(batch, step) if batch else 0
            self._checkpoint.note(step)
        self._reporter.advance(source)
        self._hold_back(waiting)

    def _append(self, batch: Sequence[ImageMessage], step: Step) -> int:
        try:
            return self._sink.append(batch, lane=self._options.lane, step=step)
        except NotAcceptedError as error:
            self._checkpoint.counts.accepted += len(error.accepted)
            raise

    def _hold_back(self, waiting: int) -> None:
        while waiting > self._options.max_waiting:
            self._reporter.hold_back(waiting)
            time.sleep(LOOK_AGAIN_S)
            waiting = self._sink.count_waiting(self._options.lane)
