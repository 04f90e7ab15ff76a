"""Writes an alert: a CloudEvents 1.0 JSON object, the same for every delivery of the same image."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from worker.clusters import ClusterStory
from worker.records import Record, iso_time

ALERT_TYPE = "lookalike.alert.v1"
MAX_MATCHES = 20
"""Look-alike clusters that one alert describes."""

MAX_COPIES = 5
"""Earlier copies that one alert describes."""

MAX_COUNT = 1000
"""Up to this many look-alike clusters the count is exact; beyond, it stays here."""


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
    event = {
        "specversion": "1.0",
        "type": ALERT_TYPE,
        "source": f"/lookalike/{archive}",
        "id": f"{uuid}:{record.number}",
        "subject": f"{image.phash:016x}",
        "time": iso_time(record.seen_at_ms),
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
            "matches": [
                {
                    "phash": f"{match.phash:016x}",
                    "distance": match.distance,
                    "images": match.story.images,
                    "first_seen_at": iso_time(match.story.first.seen_at_ms),
                    "last_seen_at": iso_time(match.story.last.seen_at_ms),
                    "sample": _sample(match.story.first),
                }
                for match in matches[:MAX_MATCHES]
            ],
            "match_count": min(match_count, MAX_COUNT),
        },
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _sample(record: Record) -> dict[str, Any]:
    return {
        "id": record.image.id,
        "url": record.image.url,
        "source": record.image.source or None,
        "seen_at": iso_time(record.seen_at_ms),
    }
