"""One entry of an image stream: what the producer wrote, and what earlier attempts left beside it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from producer.errors import InvalidMessageError
from producer.fields import encode_meta
from producer.messages import ImageMessage
from producer.names import Lane
from worker.errors import BadEntryError
from worker.records import ImageFacts

if TYPE_CHECKING:
    from worker.hashing import HashedImage

_HISTORY = (b"attempts", b"deaths", b"first_seen_at", b"lane")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream as it was delivered to one consumer. `delivery` counts from 1."""

    lane: Lane
    stream: str
    id: str
    delivery: int
    fields: dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class History:
    """What earlier attempts at the same image left: their count, the weight of deaths, the time of the first."""

    attempts: int = 0
    deaths: int = 0
    first_seen_at_ms: int | None = None


def read_message(entry: Entry) -> ImageMessage:
    """Give what the producer wrote.

    Raises:
        BadEntryError: The entry breaks the contract; its detail names the field.
    """
    fields = entry.fields
    if entry.lane == "retry":
        fields = {name: value for name, value in fields.items() if name not in _HISTORY}
    try:
        return ImageMessage.from_fields(fields)
    except InvalidMessageError as error:
        raise BadEntryError(str(error)) from None


def read_history(entry: Entry) -> History:
    """Give what earlier attempts left; nothing for an entry of the live or the backlog lane.

    Raises:
        BadEntryError: A number in the retry lane is none.
    """
    if entry.lane != "retry":
        return History()
    numbers = []
    for name in _HISTORY[:3]:
        value = entry.fields.get(name, b"")
        if value and not (value.isdigit() and len(value) < 18):  # noqa: PLR2004 - longer is no number of ours
            raise BadEntryError(f"field {name.decode()} is not a number")
        numbers.append(int(value or 0))
    return History(attempts=numbers[0], deaths=numbers[1], first_seen_at_ms=numbers[2] or None)


def decoded_facts(message: ImageMessage, hashed: "HashedImage") -> ImageFacts:
    """Give what is filed of an image that was decoded."""
    return replace(
        image_facts(message, phash=hashed.phash),
        width=hashed.width,
        height=hashed.height,
        format=hashed.format,
        sha256=hashed.sha256,
    )


def image_facts(message: ImageMessage, *, phash: int) -> ImageFacts:
    """Give what is filed of an image whose bytes nobody has seen."""
    return ImageFacts(
        id=message.image_id,
        url=message.url,
        phash=phash,
        source=message.source or "",
        page_url=message.page_url or "",
        meta=encode_meta(message.meta).decode() if message.meta is not None else "",
        scraped_at_ms=int(message.scraped_at.timestamp() * 1000) if message.scraped_at else 0,
    )
