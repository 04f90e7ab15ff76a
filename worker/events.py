"""Writes an alert: a CloudEvents 1.0 JSON object, the same for every delivery of the same image."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import TypedDict

from worker.clusters import ClusterStory
from worker.records import Record, iso_time, seen_time

MAX_MATCHES = 20
"""Look-alike clusters that one alert describes."""

MAX_COPIES = 5
"""Earlier copies that one alert describes."""

MAX_COUNT = 1000
"""Up to this many look-alike clusters the count is exact; beyond, it stays here."""


class SampleData(TypedDict):
    """An image that was seen earlier. Times are RFC 3339 in UTC."""

    id: str
    url: str
    source: str | None
    seen_at: str


class ImageData(TypedDict):
    """The image that the alert is about; width and height in pixels, null where the phash was trusted."""

    id: str
    url: str
    source: str | None
    scraped_at: str | None
    page_url: str | None
    phash: str
    width: int | None
    height: int | None
    meta: dict[str, Any] | None


class MatchData(TypedDict):
    """A cluster that the image looks like, as it was before the image; the sample is its first image."""

    phash: str
    distance: int
    images: int
    first_seen_at: str
    last_seen_at: str
    sample: SampleData


class AlertData(TypedDict):
    """What is new and what it looks like: up to 5 earlier copies, latest first; up to 20 clusters, nearest first."""

    image: ImageData
    earlier_copies: int
    copies: list[SampleData]
    matches: list[MatchData]
    match_count: int


class AlertEvent(TypedDict):
    """An alert, as CloudEvents 1.0 JSON; `id` is the same for every delivery of the same image."""

    specversion: Literal["1.0"]
    type: Literal["lookalike.alert.v1"]
    source: str
    id: str
    subject: str
    time: str
    datacontenttype: Literal["application/json"]
    data: AlertData


@dataclass(frozen=True, slots=True)
class Match:
    """A look-alike cluster of an image, at `distance` bits, as it was before that image."""

    phash: int
    distance: int
    story: ClusterStory


def write_alert(  # noqa: PLR0913 - the parts of an alert
    record: Record,
    *,
    archive: str,
    uuid: str,
    copies: Sequence[Record],
    matches: Sequence[Match],
    match_count: int,
) -> str:
    """Give the alert of `record` as compact JSON."""
    image = record.image
    event: AlertEvent = {
        "specversion": "1.0",
        "type": "lookalike.alert.v1",
        "source": f"/lookalike/{archive}",
        "id": f"{uuid}:{record.number}",
        "subject": f"{image.phash:016x}",
        "time": seen_time(record),
        "datacontenttype": "application/json",
        "data": {
            "image": {
                "id": image.id,
                "url": image.url,
                "source": image.source or None,
                "scraped_at": iso_time(image.scraped_at_ms),
                "page_url": image.page_url or None,
                "phash": f"{image.phash:016x}",
                "width": image.width or None,
                "height": image.height or None,
                "meta": json.loads(image.meta) if image.meta else None,
            },
            "earlier_copies": record.rank,
            "copies": [_sample(copy) for copy in copies[:MAX_COPIES]],
            "matches": [write_match(match) for match in matches[:MAX_MATCHES]],
            "match_count": min(match_count, MAX_COUNT),
        },
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def write_match(match: Match) -> MatchData:
    """Give a look-alike cluster as an alert tells it; its sample is its first image."""
    return {
        "phash": f"{match.phash:016x}",
        "distance": match.distance,
        "images": match.story.images,
        "first_seen_at": seen_time(match.story.first),
        "last_seen_at": seen_time(match.story.last),
        "sample": _sample(match.story.first),
    }


def _sample(record: Record) -> SampleData:
    return {
        "id": record.image.id,
        "url": record.image.url,
        "source": record.image.source or None,
        "seen_at": seen_time(record),
    }
