"""Bad rows: told on stderr, and kept for repair in a file of JSON lines."""

import json
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from producer.readers.rows import Row, show_values


class Rejects:
    """A file that takes one JSON object a bad row; it may hold secrets, so only its owner may read it."""

    def __init__(self, path: Path | None, *, goes_on: bool) -> None:
        """Keep nothing where `path` is None; append to what is there where an earlier run goes on."""
        self._file: IO[str] | None = None
        if path is not None:
            path.touch(mode=0o600)
            self._file = path.open("a" if goes_on else "w")

    def add(self, name: str, row: Row, problem: str) -> None:
        """Keep a row with its place and its problem."""
        if self._file is not None:
            told = {
                "file": name,
                "line": row.line,
                "problem": problem,
                "text": row.text.decode(errors="replace") or show_values(row.values or {}),
            }
            self._file.write(json.dumps(told, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Hand what is written to the system: it outlives the process."""
        if self._file is not None:
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
