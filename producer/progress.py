"""Tells a person on stderr how a run is going: a bar on a terminal, plain lines elsewhere."""

import logging
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from producer.sources import Source
from producer.steps import Counts
from producer.wording import count

MAX_COMPLAINTS = 1000
"""Bad rows that are told one by one; more of them are counted."""

TELL_EVERY_S = 10.0

_producer_log = logging.getLogger("producer")


class Teller:
    """Tells bad rows, and warnings of the producer: what `--quiet` leaves, and what the other two share."""

    def __init__(self, stderr: TextIO) -> None:
        self._stderr = stderr
        self._complaints = 0
        self._warnings = _Warnings(self)

    def advance(self, source: Source) -> None:
        """Say nothing."""

    def hold_back(self, waiting: int) -> None:
        """Say nothing."""

    def complain(self, place: str, problem: str) -> None:
        """Tell what is wrong with a row."""
        self._complaints += 1
        if self._complaints <= MAX_COMPLAINTS:
            self.tell(f"{place}: {problem}")
        elif self._complaints == MAX_COMPLAINTS + 1:
            self.tell("more bad lines are counted, and not told; --rejects FILE keeps them all")

    def tell(self, sentence: str) -> None:
        """Write a line; what could steer a terminal is left out."""
        shown = "".join(character if character.isprintable() else "\ufffd" for character in sentence)
        self._stderr.write(
            shown.encode(self._stderr.encoding or "ascii", "replace").decode(errors="replace") + "\n"
        )
        self._stderr.flush()

    def __enter__(self) -> Self:
        _producer_log.addHandler(self._warnings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what is shown."""
        _producer_log.removeHandler(self._warnings)


class _Warnings(logging.Handler):
    """Takes what the producer logs to where it does not break a bar."""

    def __init__(self, teller: Teller) -> None:
        super().__init__(logging.WARNING)
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a warning."""
        self._teller.tell(f"lookalike enqueue: {record.getMessage()}")


class PlainTeller(Teller):
    """Tells the counts each ten seconds, for logs."""

    def __init__(self, stderr: TextIO, counts: Counts) -> None:
        super().__init__(stderr)
        self._counts = counts
        self._before = counts.accepted
        self._told_at = time.monotonic()
        self._is_held_back = False

    def advance(self, source: Source) -> None:
        """Tell how far the run has come, if it is time."""
        self._is_held_back = False
        now = time.monotonic()
        passed_s = now - self._told_at
        if passed_s < TELL_EVERY_S:
            return
        rate = (self._counts.accepted - self._before) / passed_s
        share = f", {source.read_bytes / source.size_bytes:.0%} of {source.name}" if source.size_bytes else ""
        self.tell(
            f"{count(self._counts.accepted, 'image')} accepted, bad lines: {self._counts.bad:,}, {rate:,.0f}/s{share}"
        )
        self._before, self._told_at = self._counts.accepted, now

    def hold_back(self, waiting: int) -> None:
        """Tell why nothing is sent, at once and then if it is time."""
        if not self._is_held_back or time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._is_held_back = True
            self._told_at = time.monotonic()
            self.tell(f"held back: {waiting:,} images wait in the lane")


class BarTeller(Teller):
    """Draws one bar for all sources."""

    def __init__(self, stderr: TextIO, counts: Counts, sources: Sequence[Source]) -> None:
        super().__init__(stderr)
        self._counts = counts
        self._begun = time.monotonic()
        self._before = counts.accepted
        self._sizes = {source: source.size_bytes for source in sources}
        total = sum(self._sizes.values()) if all(self._sizes.values()) else None
        left = TextColumn("left")
        bar = (
            (
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                DownloadColumn(),
                left,
                TimeRemainingColumn(),
            )
            if total
            else ()
        )
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            *bar,
            console=Console(file=stderr),
            transient=True,
        )
        self._bar = self._progress.add_task("0 images", total=total)
        self._finished_bytes = 0
        self._current: Source | None = None

    def advance(self, source: Source) -> None:
        """Move the bar."""
        if self._current is not None and self._current is not source:
            self._finished_bytes += self._sizes[self._current]
        self._current = source
        rate = (self._counts.accepted - self._before) / max(time.monotonic() - self._begun, 0.001)
        bad = f", {self._counts.bad:,} bad" if self._counts.bad else ""
        self._progress.update(
            self._bar,
            completed=self._finished_bytes + source.read_bytes,
            description=f"{count(self._counts.accepted, 'image')}{bad}, {rate:,.0f}/s",
        )

    def hold_back(self, waiting: int) -> None:
        """Tell why nothing is sent."""
        self._progress.update(self._bar, description=f"held back: {waiting:,} images wait in the lane")

    def tell(self, sentence: str) -> None:
        """Write a line above the bar."""
        shown = "".join(character if character.isprintable() else "\ufffd" for character in sentence)
        self._progress.console.print(shown, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._progress.stop()


def make_teller(counts: Counts, sources: Sequence[Source], *, is_quiet: bool) -> Teller:
    """Give the teller that suits stderr."""
    if is_quiet:
        return Teller(sys.stderr)
    return BarTeller(sys.stderr, counts, sources) if sys.stderr.isatty() else PlainTeller(sys.stderr, counts)
