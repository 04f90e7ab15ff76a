"""The stored form of an image: a compact record of about 80 bytes beside its strings.

The scripts write and read the header; everything after it is packed here and never read by a script but for the URL,
which comes first among the strings.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime

from producer.messages import derived_id

_HEADER = struct.Struct(">B8s6sIIII")
_BODY = struct.Struct(">32sIIB6s")
_LENGTH = struct.Struct(">H")
_DONE = 1
FORMATS = ("", "JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "HEIF")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of an image before it is filed. Times are milliseconds since 1970; 0 and "" stand for unknown."""

    id: str
    url: str
    phash: int
    source: str = ""
    page_url: str = ""
    meta: str = ""
    scraped_at_ms: int = 0
    width: int = 0
    height: int = 0
    format: str = ""
    sha256: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class Record:
    """An image as it is filed: its number is its rank in time, `rank` the count of earlier images of its cluster."""

    number: int
    image: ImageFacts
    seen_at_ms: int
    horizon: int
    rank: int
    first: int
    previous: int
    is_done: bool


def pack_body(image: ImageFacts) -> bytes:
    """Give the part of a record that the worker writes; a derived id is left out, since its URL gives it."""
    packed = _BODY.pack(
        image.sha256,
        image.width,
        image.height,
        FORMATS.index(image.format),
        image.scraped_at_ms.to_bytes(6, "big"),
    )
    own_id = "" if image.id == derived_id(image.url) else image.id
    texts = [image.url, own_id, image.source, image.page_url, image.meta]
    while not texts[-1]:
        texts.pop()
    for text in texts:
        encoded = text.encode()
        packed += _LENGTH.pack(len(encoded)) + encoded
    return packed


def pack_header(record: Record) -> bytes:
    """Give the header as it is stored, without its first byte, the flags: what tells one filing from another."""
    phash, seen_at = record.image.phash.to_bytes(8, "big"), record.seen_at_ms.to_bytes(6, "big")
    return _HEADER.pack(0, phash, seen_at, record.horizon, record.rank, record.first, record.previous)[1:]


def unpack_record(number: int, stored: bytes) -> Record:
    """Read a record as `record.lua` and `pack_body` wrote it."""
    flags, phash, seen_at, horizon, rank, first, previous = _HEADER.unpack_from(stored)
    sha256, width, height, format_code, scraped_at = _BODY.unpack_from(stored, _HEADER.size)
    strings = []
    at = _HEADER.size + _BODY.size
    while at < len(stored):
        (length,) = _LENGTH.unpack_from(stored, at)
        at += _LENGTH.size
        strings.append(stored[at : at + length].decode())
        at += length
    url, own_id, source, page_url, meta = strings + [""] * (5 - len(strings))
    image = ImageFacts(
        id=own_id or derived_id(url),
        url=url,
        phash=int.from_bytes(phash, "big"),
        source=source,
        page_url=page_url,
        meta=meta,
        scraped_at_ms=int.from_bytes(scraped_at, "big"),
        width=width,
        height=height,
        format=FORMATS[format_code],
        sha256=sha256,
    )
    return Record(
        number=number,
        image=image,
        seen_at_ms=int.from_bytes(seen_at, "big"),
        horizon=horizon,
        rank=rank,
        first=first,
        previous=previous,
        is_done=bool(flags & _DONE),
    )


def iso_time(milliseconds: int) -> str | None:
    """Write a time as RFC 3339 in UTC with milliseconds, `2026-11-22T10:00:00.123Z`; None for 0, unknown."""
    if not milliseconds:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seen_time(record: Record) -> str:
    """Write when an image was recorded, like `iso_time`."""
    return iso_time(record.seen_at_ms) or ""
