"""The process that builds runs: `python -m worker.indexing.run_builder`, one at a time on a machine.

A replica starts it. It reads its job from standard input, one line of JSON, and ends when that is closed or the
folder disappears. It knows files only: no server, no password. The lock is inherited and ends with the process.
"""

import json
import os
import resource
import select
import sys
import threading
from pathlib import Path

_NICE = 5
"""Gives way, and still gets a seventh of a core that two busy children share: 19 would leave it 1 %."""

_LOOK_AROUND_S = 0.5


def main() -> None:
    """Build what the job asks for."""
    os.nice(_NICE)
    _lift_memory_limit()
    job = json.loads(_read_line())
    folder = Path(job["folder"])
    temporary = folder / f"building.{os.getpid()}.tmp"
    threading.Thread(target=_end_with_parent, args=(folder, temporary), daemon=True).start()
    # numpy is loaded after that: on a busy machine it takes seconds, in which nobody may want this any more.
    from worker.indexing.merging import SourceMissingError, merge  # noqa: PLC0415

    try:
        merge(folder, [seal.encode() for seal in job["seals"]], temporary=temporary)
    except (OSError, SourceMissingError, MemoryError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _read_line() -> bytes:
    """Read one line; whoever sends it sends nothing more, and closes when it ends."""
    line = bytearray()
    while not line.endswith(b"\n") and (byte := os.read(sys.stdin.fileno(), 1 << 16)):
        line += byte
    return bytes(line)


def _lift_memory_limit() -> None:
    """Raise the soft limit that a worker's child has: it is meant for pictures of strangers."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _end_with_parent(folder: Path, temporary: Path) -> None:
    while folder.exists():
        readable, _, _ = select.select([sys.stdin], [], [], _LOOK_AROUND_S)
        if readable and not os.read(sys.stdin.fileno(), 1):
            break
    temporary.unlink(missing_ok=True)
    os._exit(1)


if __name__ == "__main__":
    main()
