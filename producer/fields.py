"""The rules of each field of a message: one function a field, from what came to what is kept.

Each raises ValueError with a sentence that names the field and shows its value; URLs are shown redacted.
"""
# ruff: noqa: TRY004 - pydantic collects ValueError; a TypeError would pass through it

import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

from producer.urls import WEB_SCHEMES, check_url, redact_url

MAX_ID_LENGTH = 200
MAX_SOURCE_LENGTH = 200
MAX_META_BYTES = 4096
"""Bytes of `meta` as it stands in an entry: compact JSON in UTF-8 where this package wrote it."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Records count milliseconds from here."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PHASH = re.compile(r"[0-9a-fA-F]{16}")
_SHOWN_LENGTH = 60


def show(value: object) -> str:
    """Show an offending value, short, and redacted where it may be a URL."""
    if not isinstance(value, str):
        return f"of type {type(value).__name__}"
    if "://" in value:
        return repr(redact_url(value))
    return repr(value if len(value) <= _SHOWN_LENGTH else value[:_SHOWN_LENGTH] + "…")


def parse_url(value: object) -> str:
    """Check the image's URL; it is kept as given."""
    if not isinstance(value, str):
        raise ValueError(f"url {show(value)}: it must be text")
    check_url(value)
    return value


def parse_page_url(value: object) -> str:
    """Check the page's URL: http or https only, since pages show it as a link."""
    if not isinstance(value, str):
        raise ValueError(f"page_url {show(value)}: it must be text")
    try:
        check_url(value, schemes=WEB_SCHEMES)
    except ValueError as error:
        raise ValueError(f"page_{error}") from None
    return value


def _parse_name(field: str, value: object, *, max_length: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{field} {show(value)}: it must be text")
    if not value:
        raise ValueError(f"{field} is empty: leave it out, or use 1 to {max_length} characters")
    if len(value) > max_length:
        raise ValueError(f"{field} {show(value)} of {len(value)} characters: at most {max_length}")
    if _CONTROL.search(value):
        raise ValueError(f"{field} {show(value)} contains a control character")
    return value


def parse_id(value: object) -> str:
    """Check an id: 1 to 200 characters, none of them a control character."""
    return _parse_name("id", value, max_length=MAX_ID_LENGTH)


def parse_source(value: object) -> str:
    """Check a source: 1 to 200 characters, none of them a control character."""
    return _parse_name("source", value, max_length=MAX_SOURCE_LENGTH)


def parse_time(value: object) -> datetime:
    """Read ISO 8601 and give it in UTC; what names no offset is UTC already.

    Numbers are refused: seconds, milliseconds and `20190401` cannot be told apart.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"scraped_at {show(value)} is no ISO 8601 date and time") from None
    elif isinstance(value, datetime):
        moment = value
    else:
        raise ValueError(f"scraped_at {show(value)}: it must be an ISO 8601 date and time")
    try:
        in_utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"scraped_at {show(str(moment))} is out of range") from None
    if in_utc < EARLIEST:
        raise ValueError(f"scraped_at {show(str(moment))} lies before 1970")
    return in_utc


def format_time(moment: datetime) -> str:
    """Write a moment in UTC as it stands in an entry: `2026-11-22T10:53:16Z`."""
    return moment.isoformat().removesuffix("+00:00") + "Z"


def parse_phash(value: object) -> str:
    """Check a pHash: 16 hex digits; it is kept in lower case."""
    if not isinstance(value, str) or not _PHASH.fullmatch(value):
        raise ValueError(f"phash {show(value)} is not 16 hex digits")
    return value.lower()


def parse_meta(value: object) -> dict[str, Any]:
    """Check `meta`, a JSON object as such or as text, and its size as it stands in an entry."""
    if isinstance(value, str):
        _check_size(value.encode(errors="surrogatepass"))
        value = _load(value)
    if not isinstance(value, dict):
        raise ValueError(f"meta {show(value)}: it must be a JSON object")
    _check_size(encode_meta(value))
    return value


def encode_meta(meta: dict[str, Any]) -> bytes:
    """Write `meta` as compact JSON in UTF-8."""
    try:
        text = json.dumps(
            meta, ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
        )
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"meta cannot be written as JSON: {_reason(error)}") from None


def _load(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"meta is no JSON: {_reason(error)}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _reason(error: Exception) -> str:
    """Say why, without the text that may hold secrets."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeEncodeError):
        return "it holds half a surrogate pair"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:_SHOWN_LENGTH]


def _check_size(encoded: bytes) -> None:
    if len(encoded) > MAX_META_BYTES:
        raise ValueError(f"meta of {len(encoded)} bytes: at most {MAX_META_BYTES}")
