"""Cursors of pages: short, opaque to clients, checked when they come back."""

import re

from worker.reading.listing import Order, Position
from worker.web.problems import ProblemError

_CURSOR = re.compile(r"(size|last|first)-([0-9]{1,10})-([0-9a-f]{16})")
_ENTRY = re.compile(r"[0-9]{1,18}(?:-[0-9]{1,18})?")
_NUMBER = re.compile(r"[0-9]{1,10}")


def write_cursor(order: Order, position: Position | None) -> str | None:
    """Write the end of a page of a listing; None at its end."""
    return None if position is None else f"{order}-{position.score}-{position.phash:016x}"


def read_cursor(cursor: str | None, *, order: Order) -> Position | None:
    """Read what `write_cursor` wrote.

    Raises:
        ProblemError: It is no cursor of this order.
    """
    if not cursor:
        return None
    parts = _CURSOR.fullmatch(cursor)
    if parts is None or parts[1] != order:
        raise ProblemError(400, "bad-cursor", f"this is no cursor of a listing by {order}")
    return Position(int(parts[2]), int(parts[3], 16))


def read_number(cursor: str | None) -> int | None:
    """Read the number of an image, the cursor within a cluster."""
    if not cursor:
        return None
    if not _NUMBER.fullmatch(cursor) or int(cursor) >= 2**32:
        raise ProblemError(400, "bad-cursor", "this is no cursor of a cluster's images")
    return int(cursor)


def read_entry_id(cursor: str | None) -> str | None:
    """Read the id of an entry of a stream."""
    if not cursor:
        return None
    if not _ENTRY.fullmatch(cursor):
        raise ProblemError(400, "bad-cursor", "this is no id of an entry: two numbers with a hyphen between")
    return cursor
