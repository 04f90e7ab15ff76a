"""Text, a URL a line; empty lines are skipped."""

from collections.abc import Iterator

from producer.readers.json_lines import read_json_line
from producer.readers.lines import Lines, decode_line
from producer.readers.rows import PAUSE, Row


def read_text(lines: Lines) -> Iterator[Row | None]:
    """Yield a row for each line, with the line as its `url`."""
    for raw in lines:
        if raw is None:
            yield PAUSE
            continue
        stripped = raw.strip()
        if stripped:
            yield _read_line(stripped, lines)


def read_text_or_json(lines: Lines) -> Iterator[Row | None]:
    """Yield a row for each line: a JSON object where it begins with a brace, else a URL."""
    for raw in lines:
        if raw is None:
            yield PAUSE
            continue
        stripped = raw.strip()
        if stripped:
            yield read_json_line(raw, lines) if stripped.startswith(b"{") else _read_line(stripped, lines)


def _read_line(raw: bytes, lines: Lines) -> Row:
    try:
        text = decode_line(raw, number=lines.number)
    except ValueError as error:
        return Row(lines.number, lines.position, None, str(error), raw)
    return Row(lines.number, lines.position, {"url": text}, text=raw)
