"""JSON lines: an object a line; empty lines are skipped."""

import json
from collections.abc import Iterator

from producer.readers.lines import Lines, decode_line
from producer.readers.rows import PAUSE, Row


def read_json_lines(lines: Lines) -> Iterator[Row | None]:
    """Yield a row for each line."""
    for raw in lines:
        if raw is None:
            yield PAUSE
        elif raw.strip():
            yield read_json_line(raw, lines)


def read_json_line(raw: bytes, lines: Lines) -> Row:
    """Give the row of a line."""
    try:
        values = _load(decode_line(raw, number=lines.number))
    except ValueError as error:
        return Row(lines.number, lines.position, None, str(error), raw)
    return Row(lines.number, lines.position, values, text=raw)


def _load(text: str) -> dict[str, object]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError):
        raise ValueError("no JSON that can be read: nested too deeply, or a number too long") from None
    if not isinstance(values, dict):
        raise ValueError("no JSON object: write one object a line")  # noqa: TRY004 - a reader's errors are ValueErrors
    return values
