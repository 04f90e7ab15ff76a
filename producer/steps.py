"""One step of a run that keeps a checkpoint: a batch, and how far the run is once the batch is accepted."""

import json
from dataclasses import asdict, dataclass

from producer.readers.rows import Position


@dataclass
class Counts:
    """What became of what was read so far."""

    accepted: int = 0
    known: int = 0
    """Left out, since the archive has them."""
    bad: int = 0
    """Rows that break the contract or cannot be read."""


@dataclass(frozen=True)
class Step:
    """What holds of a run once a batch of it is accepted."""

    number: int
    """Counted from 1; 0 before any batch."""
    source: str
    """The file whose rows before `position` have been dealt with."""
    position: Position
    fingerprint: str
    """Tells whether the file is still the same."""
    counts: Counts

    def encode(self, sender: str) -> str:
        """Write it as JSON, with the name of the process that sends it."""
        return json.dumps({**asdict(self), "sender": sender})


def decode_step(encoded: bytes | str) -> tuple[Step, str]:
    """Give a step and who sent it."""
    values = json.loads(encoded)
    step = Step(
        values["number"],
        values["source"],
        Position(*values["position"]),
        values["fingerprint"],
        Counts(**values["counts"]),
    )
    return step, values["sender"]
