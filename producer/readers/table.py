"""CSV and TSV with a header line. A field in quotes may hold line feeds."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from producer.readers.lines import Lines, decode_line
from producer.readers.rows import PAUSE, Position, Row

MAX_RECORD_LINES = 200
"""A record that is still open after so many lines has a stray quote in its first one."""

_OPEN = "unexpected end of data"
"""What the csv module says of a record that ends within quotes."""


class _Line(NamedTuple):
    raw: bytes
    position: Position


class Table:
    """The records of a table.

    A stray quote would swallow the lines behind it: where a record cannot be read, its first line alone is
    bad, and reading goes on with the next.
    """

    def __init__(self, lines: Lines, *, delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._arriving = iter(lines)
        self._put_back: deque[_Line] = deque()

    def read_header(self) -> list[str]:
        """Give the names of the columns, none where the table is empty.

        Raises:
            ValueError: The first line cannot be read.
        """
        for item in self._records():
            if item is not None:
                _, cells, problem = item
                if problem:
                    raise ValueError(problem)
                return [cell.strip() for cell in cells]
        return []

    def read_rows(self, header: list[str]) -> Iterator[Row | None]:
        """Yield a row for each record, its cells by the names of their columns."""
        for item in self._records():
            if item is None:
                yield PAUSE
                continue
            taken, cells, problem = item
            number, position = taken[0].position.line, taken[-1].position
            if not problem and len(cells) != len(header):
                problem = f"{len(cells)} fields, where the header has {len(header)}"
            text = b"\n".join(line.raw for line in taken)
            values = None if problem else dict(zip(header, cells, strict=True))
            yield Row(number, position, values, problem, text)

    def _records(self) -> Iterator[tuple[list[_Line], list[str], str] | None]:
        """Yield the lines of each record with its cells or its problem."""
        for first in self._take():
            if first is None:
                yield PAUSE
                continue
            if not first.raw.strip():
                continue
            taken = [first]
            cells, problem = self._parse(taken)
            if problem == _OPEN:
                for line in self._take():
                    if line is None:
                        yield PAUSE
                        continue
                    taken.append(line)
                    if b'"' in line.raw:
                        cells, problem = self._parse(taken)
                    if problem != _OPEN or len(taken) == MAX_RECORD_LINES:
                        break
            if problem:
                self._put_back.extendleft(reversed(taken[1:]))
                del taken[1:]
            yield taken, cells, "a quote that is not closed" if problem == _OPEN else problem

    def _take(self) -> Iterator[_Line | None]:
        while True:
            if self._put_back:
                yield self._put_back.popleft()
                continue
            for raw in self._arriving:
                yield None if raw is None else _Line(raw, self._lines.position)
                break
            else:
                return

    def _parse(self, taken: list[_Line]) -> tuple[list[str], str]:
        try:
            text = "\n".join(decode_line(line.raw, number=line.position.line) for line in taken)
            for cells in csv.reader([text], delimiter=self._delimiter, strict=True):
                return cells, ""
        except (ValueError, csv.Error) as error:
            return [], str(error)
        return [], ""
