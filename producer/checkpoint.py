"""How far a run has come, in a small file: one that was cut off goes on from there."""

import json
import os
import secrets
import time
from dataclasses import asdict, replace
from pathlib import Path

from producer.readers.rows import START, Position
from producer.sources import Source
from producer.steps import Counts, Step

VERSION = 2
SYNC_EVERY_S = 1.0
"""The file outlives the process from the moment it is written, and a power cut after this time."""


class CheckpointError(ValueError):
    """Raised when a checkpoint cannot be used: it is damaged, or tells of something else."""


class Checkpoint:
    """The place behind the last accepted row of each source, and the counts up to there."""

    def __init__(self, path: Path | None, *, target: str) -> None:
        """Read `path` if it exists; with None nothing is kept. `target` names server, archive and lane.

        Raises:
            CheckpointError: The file is damaged, or of another target.
        """
        self.counts = Counts()
        self.run = secrets.token_hex(16)
        self._number = 0
        self._synced_sources = 0
        self._path = path
        self._target = target
        self._sources: dict[str, tuple[Position, str]] = {}
        self._next_sync = 0.0
        if path is not None and path.exists():
            self._load(path)

    def position(self, source: Source) -> Position:
        """Give the place where reading goes on.

        Raises:
            CheckpointError: The file is another one than that which was read.
        """
        position, fingerprint = self._sources.get(_key(source), (START, ""))
        if position != START and source.fingerprint(position) != fingerprint:
            raise CheckpointError(f"{source.name} is not the file that {self._path} tells of")
        return position

    def next_step(self, source: Source, position: Position, *, accepted: int) -> Step:
        """Tell what holds once `accepted` more images are, and all of `source` before `position` dealt with."""
        return Step(
            self._number + bool(accepted),
            _key(source),
            position,
            "" if self._path is None else source.fingerprint(position),
            replace(self.counts, accepted=self.counts.accepted + accepted),
        )

    def catch_up(self, step: Step) -> int:
        """Take over a step that the server took, and that an earlier process did not live to note.

        Gives the number of batches that the server had accepted and has lost since, with the run's later steps.
        """
        lost = max(0, self._number - step.number)
        if step.number > self._number:
            self._take(step)
        return lost

    def note(self, step: Step) -> None:
        """Note that a step has been done."""
        is_new = step.number != self._number or self._sources.get(step.source) != (
            step.position,
            step.fingerprint,
        )
        self._take(step)
        if is_new:
            self.save()

    def save(self) -> None:
        """Write the file, if one is kept; before the first batch too, since it names the run."""
        if self._path is None:
            return
        state = {
            "version": VERSION,
            "target": self._target,
            "run": self.run,
            "number": self._number,
            "counts": asdict(self.counts),
            "sources": self._sources,
        }
        # The server keeps the last step alone, so of one source: what the file says of the others must not be lost.
        is_due = time.monotonic() >= self._next_sync or len(self._sources) != self._synced_sources
        written = self._path.with_name(self._path.name + ".new")
        with written.open("w") as file:
            json.dump(state, file)
            if is_due:
                file.flush()
                os.fsync(file.fileno())
                self._next_sync = time.monotonic() + SYNC_EVERY_S
                self._synced_sources = len(self._sources)
        written.replace(self._path)

    def _take(self, step: Step) -> None:
        # In place: whoever tells a person of the run holds the same object.
        self.counts.__dict__.update(asdict(step.counts))
        self._number = step.number
        self._sources[step.source] = (step.position, step.fingerprint)

    def _load(self, path: Path) -> None:
        try:
            state = json.loads(path.read_text())
            version, target = state["version"], state["target"]
            if version == VERSION:
                self.run, self._number = state["run"], state["number"]
                self.counts = Counts(**state["counts"])
                self._sources = {
                    key: (Position(*place), mark) for key, (place, mark) in state["sources"].items()
                }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path} is no checkpoint that can be read ({type(error).__name__})"
            ) from None
        if version != VERSION:
            raise CheckpointError(f"{path} was written by another version: finish the run with that one")
        if target != self._target:
            raise CheckpointError(f"{path} tells of a run into {target}, this one is into {self._target}")


def _key(source: Source) -> str:
    return str(Path(source.name).absolute())
