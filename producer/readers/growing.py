"""A file that others append to, followed through rotation by rename and by truncation."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from producer.readers.chunks import read_file
from producer.readers.lines import Lines
from producer.readers.rows import Position

LOOK_AGAIN_S = 0.1
"""Seconds between looks at a file that has not grown."""


class GrowingFile:
    """Yields what is appended to a file, for ever."""

    def __init__(self, path: Path, *, after: Position) -> None:
        """Begin behind `after`, which may lie in a file that has been rotated away since."""
        self._path = path
        self._after = after
        self.lines = Lines(self._chunks(), after=after)

    def _chunks(self) -> Iterator[bytes | None]:
        before = self._find_unfinished()
        if before is not None:
            with before.open("rb") as file:
                file.seek(self._after.offset)
                yield from read_file(file)
            yield from self._end_file()
        while True:
            with self._path.open("rb") as file:
                self.lines.mark = _mark(os.fstat(file.fileno()))
                file.seek(self.lines.offset)
                yield from self._read_until_replaced(file)
            yield from self._end_file()

    def _end_file(self) -> Iterator[bytes | None]:
        yield b"\n"  # a last line without a line feed has ended with its file
        yield None
        self.lines.restart()

    def _find_unfinished(self) -> Path | None:
        """Give the file of an earlier run, if it was rotated away since; or decide where to begin."""
        current = self._path.stat()
        if self._after.mark in {"", _mark(current)}:
            if self._after.offset > current.st_size:
                self.lines.restart()
            return None
        for sibling in self._path.parent.glob(self._path.name + "*"):
            if sibling.is_file() and _mark(sibling.stat()) == self._after.mark:
                return sibling
        self.lines.restart()
        return None

    def _read_until_replaced(self, file: BinaryIO) -> Iterator[bytes | None]:
        while True:
            yield from read_file(file)
            yield None
            if self._is_replaced(file):
                yield from read_file(file)
                return
            time.sleep(LOOK_AGAIN_S)

    def _is_replaced(self, file: BinaryIO) -> bool:
        opened = os.fstat(file.fileno())
        if opened.st_size < file.tell():
            return True
        try:
            return not os.path.samestat(opened, self._path.stat())
        except FileNotFoundError:
            return False  # between the rename and the new file


def _mark(facts: os.stat_result) -> str:
    return f"{facts.st_dev}:{facts.st_ino}"
