"""What could not be done, and why: `failures` read latest first, and its entries given another try."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import redis

from producer.urls import redact_url
from worker.keyspace import Keyspace
from worker.scripts import Scripts

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """One entry of `failures`. `url` is redacted; `image_id` is None where the entry names no image."""

    entry_id: str
    image_id: str | None
    url: str
    reason: str
    detail: str
    attempts: int


def read_failures(
    client: redis.Redis, keys: Keyspace, *, reason: str | None = None, before: str | None = None
) -> Iterator[Failure]:
    """Give the failures, latest first, a page at a time; with `reason` those alone, from the entry `before` on."""
    last = "+" if before is None else f"({before}"
    stream: Any = client  # redis-py's types are unions of all that any setting could give
    while page := stream.xrevrange(keys.failures, max=last, min="-", count=_PAGE):
        for entry_id, fields in page:
            failure = _read_entry(entry_id, fields)
            if reason in (None, failure.reason):
                yield failure
        last = f"({page[-1][0].decode()}"


def try_again(scripts: Scripts, keys: Keyspace, entry_ids: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Move failures to the backlog, each in one step; tell of each whether it was there."""
    page: list[str] = []
    for entry_id in entry_ids:
        page.append(entry_id)
        if len(page) == _PAGE:
            yield from _move(scripts, keys, page)
            page = []
    yield from _move(scripts, keys, page)


def _move(scripts: Scripts, keys: Keyspace, page: list[str]) -> Iterator[tuple[str, bool]]:
    calls = [("try_again", [keys.failures, keys.stream("backlog")], [entry_id]) for entry_id in page]
    for entry_id, reply in zip(page, scripts.call_many(calls), strict=True):
        yield entry_id, reply[0] == b"OK"


def _read_entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Failure:
    url = fields.get(b"url")
    given_id = fields.get(b"id")
    derived = hashlib.sha256(url).hexdigest()[:32] if url is not None else None
    return Failure(
        entry_id=entry_id.decode(),
        image_id=_text(given_id) if given_id is not None else derived,
        url=redact_url(_text(url)) if url is not None else "",
        reason=_text(fields.get(b"reason", b"")),
        detail=_text(fields.get(b"detail", b"")),
        attempts=int(fields.get(b"attempts", b"0")),
    )


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
