"""Cuts chunks of bytes into lines and counts them; memory is bounded by the longest line that is kept."""

from collections.abc import Iterable, Iterator

from producer.readers.rows import Position

MAX_LINE_BYTES = 1 << 20
"""A longer line is cut to one byte more than this, so that its reader can refuse it."""


class Lines:
    """The lines of a source, without their line feeds; None where nothing more is there right now.

    `number` and `offset` tell what has been given out so far: lines, and uncompressed bytes.
    """

    def __init__(self, chunks: Iterable[bytes | None], *, after: Position) -> None:
        """Number the lines of `chunks`, which begin just behind `after`."""
        self._chunks = chunks
        self.number = after.line
        self.offset = after.offset
        self.mark = after.mark

    @property
    def position(self) -> Position:
        """The place behind the last line that was given out."""
        return Position(self.number, self.offset, self.mark)

    def restart(self) -> None:
        """Count from 0 again: the next chunk comes from another file."""
        self.number = self.offset = 0

    def __iter__(self) -> Iterator[bytes | None]:
        tail = b""
        dropped = 0
        for chunk in self._chunks:
            if chunk is None:
                yield None
                continue
            *whole, tail = (tail + chunk).split(b"\n")
            for text in whole:
                self.number += 1
                self.offset += len(text) + 1 + dropped
                dropped = 0
                yield text if len(text) <= MAX_LINE_BYTES else text[: MAX_LINE_BYTES + 1]
            excess = len(tail) - MAX_LINE_BYTES - 1
            if excess > 0:
                tail = tail[:-excess]
                dropped += excess
        if tail:
            self.number += 1
            self.offset += len(tail) + dropped
            yield tail


def decode_line(raw: bytes, *, number: int) -> str:
    """Give a line as text; the first may begin with a byte order mark.

    Raises:
        ValueError: The line is too long, or not UTF-8.
    """
    if len(raw) > MAX_LINE_BYTES:
        raise ValueError(f"line of more than {MAX_LINE_BYTES:,} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        is_utf16 = number == 1 and raw[:2] in {b"\xff\xfe", b"\xfe\xff"}
        raise ValueError(f"not UTF-8{', but UTF-16: convert the file' if is_utf16 else ''}") from None
    return text.removeprefix("\ufeff") if number == 1 else text
