"""Files, pipes and folders, as the command line names them, to rows."""

import glob
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Literal

from producer.readers.chunks import PACKED, BrokenFileError, check_unpacking, read_file, read_pipe, unpack
from producer.readers.folder import IMAGE_SUFFIXES, read_folder
from producer.readers.growing import GrowingFile
from producer.readers.json_lines import read_json_lines
from producer.readers.lines import Lines
from producer.readers.parquet import ParquetRows, check_pyarrow
from producer.readers.rows import START, Position, Row
from producer.readers.table import Table
from producer.readers.text import read_text, read_text_or_json

Format = Literal["text", "csv", "tsv", "jsonl", "parquet", "folder", "text or jsonl"]

GIVEN_FORMATS: tuple[Format, ...] = ("text", "csv", "tsv", "jsonl", "parquet")
"""The formats that a user can name."""

STDIN = "-"
_BY_SUFFIX: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_FINGERPRINT_BYTES = 4096

ChooseColumns = Callable[[Sequence[str]], Sequence[str]]
"""Gives those of a table's columns that are needed; raises ValueError where they cannot be used."""


class Source:
    """One file, pipe or folder."""

    def __init__(self, name: str, *, given_format: Format | None, is_followed: bool) -> None:
        """Take the format from the name where none is given.

        Raises:
            ValueError: There is nothing of this name, or it cannot be read this way.
        """
        self.name = name
        self.is_pipe = name == STDIN
        self._path = Path(name)
        self._is_followed = is_followed
        if not self.is_pipe and not self._path.exists():
            raise ValueError(f"{name}: no such file or folder")
        self.format = given_format or self._guess_format()
        if is_followed and (self.is_pipe or self.format not in {"text", "jsonl"} or self._packing):
            raise ValueError(f"{name}: only a file of text or JSON lines can be followed")
        self._check_reader()
        self.size_bytes = self._path.stat().st_size if self._is_file else 0
        self._raw: IO[bytes] | None = None
        self._reader: Lines | ParquetRows | None = None

    @property
    def read_bytes(self) -> int:
        """How much of `size_bytes` has been read."""
        if isinstance(self._reader, ParquetRows):
            return int(self.size_bytes * self._reader.share)
        if self._raw is None:
            return 0
        return self.size_bytes if self._raw.closed else self._raw.tell()

    def fingerprint(self, position: Position) -> str:
        """Tell whether a file is the one that was read up to `position`: it may have grown, no more."""
        if not self._is_file or self._is_followed:
            return ""
        if self.format == "parquet":
            return self._fingerprint_end()
        with self._path.open("rb") as raw, unpack(raw, self._packing) as file:
            return hashlib.sha256(file.read(min(position.offset, _FINGERPRINT_BYTES))).hexdigest()

    def rows(self, *, after: Position, as_names: bool, choose_columns: ChooseColumns) -> Iterator[Row | None]:
        """Yield the rows behind `after`; None where nothing more is there right now.

        `as_names` gives the images of a folder as names below it, not as file: URLs.
        """
        with ExitStack() as stack:
            try:
                if self.format == "folder":
                    yield from read_folder(self._path, as_names=as_names, after=after)
                elif self.format == "parquet":
                    self._reader = ParquetRows(self._path, after=after)
                    yield from _rows_of_parquet(self._reader, after=after, choose_columns=choose_columns)
                else:
                    self._reader = self._open_lines(stack, after=after)
                    yield from self._rows_of_lines(
                        self._reader, stack, after=after, choose_columns=choose_columns
                    )
            except (BrokenFileError, OSError) as error:
                position = self._reader.position if self._reader else after
                yield Row(position.line + 1, position, None, f"cannot be read further: {error}")

    def _rows_of_lines(
        self, lines: Lines, stack: ExitStack, *, after: Position, choose_columns: ChooseColumns
    ) -> Iterator[Row | None]:
        match self.format:
            case "text":
                yield from read_text(lines)
            case "text or jsonl":
                yield from read_text_or_json(lines)
            case "jsonl":
                yield from read_json_lines(lines)
            case _:
                table = Table(lines, delimiter=_DELIMITERS[self.format])
                try:
                    header = table.read_header() if after == START else self._read_header(stack)
                    choose_columns(header)
                except BrokenFileError:
                    raise
                except ValueError as error:
                    yield Row(1, after, None, f"header: {error}")
                else:
                    yield from table.read_rows(header)

    def _check_reader(self) -> None:
        """Raise ValueError where what reads this format cannot be had."""
        check_unpacking(self._packing)
        if self.format == "parquet":
            if self.is_pipe:
                raise ValueError(
                    "Parquet cannot be read from a pipe (-), since it ends with what it begins with: "
                    "write it to a file"
                )
            if self._packing:
                raise ValueError(f"{self.name}: a Parquet file is packed within; unpack it first")
            check_pyarrow()

    def _fingerprint_end(self) -> str:
        """Tell a file by its end, where Parquet keeps what tells of all of it."""
        with self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(-min(size, _FINGERPRINT_BYTES), os.SEEK_END)
            return hashlib.sha256(b"%d:%b" % (size, file.read())).hexdigest()

    def _read_header(self, stack: ExitStack) -> list[str]:
        lines = self._open_lines(stack, after=START)
        return Table(lines, delimiter=_DELIMITERS[self.format]).read_header()

    def _open_lines(self, stack: ExitStack, *, after: Position) -> Lines:
        if self.is_pipe:
            return Lines(read_pipe(sys.stdin.fileno()), after=after)
        if self._is_followed:
            return GrowingFile(self._path, after=after).lines
        raw = stack.enter_context(self._path.open("rb"))
        file = stack.enter_context(unpack(raw, self._packing))
        file.seek(after.offset)
        self._raw = self._raw or raw
        return Lines(read_file(file), after=after)

    @property
    def _is_file(self) -> bool:
        return not self.is_pipe and self.format != "folder"

    @property
    def _packing(self) -> str:
        suffix = self._path.suffix.lower()
        return suffix if suffix in PACKED else ""

    def _guess_format(self) -> Format:
        if self.is_pipe:
            return "text or jsonl"
        if self._path.is_dir() or self._path.suffix.lower() in IMAGE_SUFFIXES:
            return "folder"
        name = self._path.with_suffix("") if self._packing else self._path
        return _BY_SUFFIX.get(name.suffix.lower(), "text")


def _rows_of_parquet(
    table: ParquetRows, *, after: Position, choose_columns: ChooseColumns
) -> Iterator[Row | None]:
    try:
        columns = choose_columns(table.columns)
    except ValueError as error:
        yield Row(1, after, None, f"columns: {error}")
    else:
        yield from table.read(columns)


def find_sources(names: Sequence[str], *, given_format: Format | None, is_followed: bool) -> list[Source]:
    """Find what is named; a name that is no file may be a pattern such as `feeds/*.txt`.

    Raises:
        ValueError: One of them is not there, or cannot be read this way.
    """
    found = []
    for name in names:
        matches = [name] if name == STDIN or Path(name).exists() else sorted(glob.glob(name))  # noqa: PTH207 - as given
        found += [
            Source(match, given_format=given_format, is_followed=is_followed) for match in matches or [name]
        ]
    return found
