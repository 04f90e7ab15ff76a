"""What every reader yields: rows, and where in the source they stand."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Position(NamedTuple):
    """A place between two rows of a source, at which a later run can go on."""

    line: int = 0
    """Lines before it; for a folder, files; for Parquet, rows."""
    offset: int = 0
    """Bytes before it, uncompressed; 0 where nothing is read by lines."""
    mark: str = ""
    """For a folder: the last file before it. For a growing file: which file of those that bore its name."""


START = Position()


class Row(NamedTuple):
    """One record of a source: its fields by the names they have there, or what is wrong with it."""

    line: int
    """Where it begins, counted from 1."""
    position: Position
    """Just behind it."""
    values: Mapping[str, Any] | None
    problem: str = ""
    text: bytes = b""
    """The record as it stands in the source, where it has a problem; empty where only `values` can tell it."""


PAUSE = None
"""Yielded between rows when nothing more is there right now: what has been read should be sent on."""


def show_values(values: Mapping[str, Any]) -> str:
    """Write a row as JSON, for whoever repairs it."""
    return json.dumps(values, ensure_ascii=False, default=str)
