"""Parquet: rows of the columns that are needed, so many at a time that memory stays flat.

Read with pyarrow, which is an extra and is loaded when the first such file is opened.
"""

import importlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from producer.readers.chunks import BrokenFileError
from producer.readers.rows import Position, Row, show_values

BATCH_ROWS = 1000
BUFFER_BYTES = 1 << 16
"""Of each column so much is read at a time; else all that a row group has of it."""

_PLAIN = (
    "string",
    "large_string",
    "string_view",
    "bool",
    "int",
    "uint",
    "float",
    "double",
    "halffloat",
    "null",
)
"""How the types begin whose values need no conversion."""


def check_pyarrow() -> None:
    """Raise ValueError with the remedy where pyarrow cannot be loaded."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ValueError("a Parquet file needs pyarrow: pip install 'lookalike[parquet]'") from None


class ParquetRows:
    """The rows of one file; `position` is the place behind the last one that was given out."""

    def __init__(self, path: Path, *, after: Position) -> None:
        """Open `path` to read what is behind `after`.

        Raises:
            BrokenFileError: It is no Parquet file, or one that cannot be read.
        """
        # The types of pyarrow are not published.
        self._arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
        self.position = after
        try:
            self._file = parquet.ParquetFile(
                path,
                buffer_size=BUFFER_BYTES,
                pre_buffer=False,
                page_checksum_verification=True,
                coerce_int96_timestamp_unit="us",
            )
        except (self._arrow.ArrowException, OSError) as error:
            raise BrokenFileError(f"no Parquet file that can be read: {_first_line(error)}") from error
        self.columns: Sequence[str] = self._file.schema_arrow.names

    @property
    def share(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return self.position.line / max(int(self._file.metadata.num_rows), 1)

    def read(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows, with the values of `columns` by their names, and close the file.

        Raises:
            BrokenFileError: The file is damaged from here on, or its disk fails.
        """
        begin = 0
        with self._file:
            for group in range(self._file.num_row_groups):
                end = begin + self._file.metadata.row_group(group).num_rows
                if end > self.position.line:
                    yield from self._read_group(group, begin=begin, columns=columns)
                begin = end

    def _read_group(self, group: int, *, begin: int, columns: Sequence[str]) -> Iterator[Row]:
        batches = self._file.iter_batches(
            BATCH_ROWS, row_groups=[group], columns=list(columns), use_threads=False
        )
        while True:
            try:
                batch = next(batches, None)
            except (self._arrow.ArrowException, OSError) as error:
                raise BrokenFileError(f"broken or cut off: {_first_line(error)}") from error
            if batch is None:
                return
            skipped = max(self.position.line - begin, 0)
            begin += batch.num_rows
            if skipped < batch.num_rows:
                yield from self._rows(batch.slice(skipped))

    def _rows(self, batch: Any) -> Iterator[Row]:  # noqa: ANN401 - as above
        unreadable: dict[int, str] = {}
        names = batch.schema.names
        columns = [
            self._values(name, array, unreadable) for name, array in zip(names, batch.columns, strict=True)
        ]
        for index, cells in enumerate(zip(*columns, strict=True)):
            number = self.position.line + 1
            self.position = Position(number)
            values = dict(zip(names, cells, strict=True))
            if index in unreadable:
                text = show_values(values).encode()
                yield Row(number, self.position, None, unreadable[index], text)
            else:
                yield Row(number, self.position, values)

    def _values(self, name: str, array: Any, unreadable: dict[int, str]) -> list[Any]:  # noqa: ANN401 - as above
        """Give what JSON lines would have for a column; note in `unreadable` which rows hold what cannot be read."""
        types = self._arrow.types
        if types.is_timestamp(array.type) and array.type.unit == "ns":
            array = array.cast(self._arrow.timestamp("us", array.type.tz), safe=False)
        try:
            values = array.to_pylist(maps_as_pydicts="lossy")
            return values if str(array.type).startswith(_PLAIN) else [_plain(value) for value in values]
        except (ValueError, OverflowError):
            values = []
        for index, scalar in enumerate(array):
            try:
                values.append(_plain(scalar.as_py()))
            except (ValueError, OverflowError) as error:
                values.append(None)
                told = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
                unreadable.setdefault(index, f"{name}: {told}")
        return values


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of any column
    """Give what JSON has for a value: text for bytes, moments and exact numbers, also within lists and structs."""
    match value:
        case None | str() | bool() | int() | float():
            return value
        case bytes():
            return value.decode()
        case datetime() | date() | time():
            return value.isoformat()
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {str(name): _plain(item) for name, item in value.items()}
        case _:
            return str(value)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
