"""What was read, as JSON tells it: the same members from the verbs with `--json` and from the API."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from worker.reading.listing import Cluster
from worker.records import Record, iso_time, seen_time

if TYPE_CHECKING:
    from worker.reading.lookup import Found, LookAlike

_UNKNOWN_SHA256 = bytes(32)


def tell_image(record: Record) -> dict[str, Any]:
    """Tell all of an image."""
    image = record.image
    return {
        "id": image.id,
        "number": record.number,
        "url": image.url,
        "source": image.source or None,
        "page_url": image.page_url or None,
        "scraped_at": iso_time(image.scraped_at_ms),
        "seen_at": seen_time(record),
        "phash": f"{image.phash:016x}",
        "width": image.width or None,
        "height": image.height or None,
        "format": image.format or None,
        "sha256": None if image.sha256 == _UNKNOWN_SHA256 else image.sha256.hex(),
        "meta": json.loads(image.meta) if image.meta else None,
        "thumbnail": thumbnail_path(image.id),
    }


def tell_size(cluster: Cluster) -> dict[str, Any]:
    """Tell how many images a cluster has, and since when; not which."""
    return {
        "phash": f"{cluster.phash:016x}",
        "images": cluster.images,
        "first_seen_at": seen_time(cluster.first),
        "last_seen_at": seen_time(cluster.last),
    }


def tell_cluster(cluster: Cluster) -> dict[str, Any]:
    """Tell a cluster with its first and its last image."""
    return {**tell_size(cluster), "sample": tell_image(cluster.first), "latest": tell_image(cluster.last)}


def tell_search(found: "Found") -> dict[str, Any]:
    """Tell the answer to a search but its matches: each is told by `tell_match`."""
    return {
        "phash": f"{found.phash:016x}",
        "searchable": found.is_searchable,
        "max_distance": found.max_distance,
        "exact": None if found.exact is None else tell_cluster(found.exact),
        "match_count": found.match_count,
    }


def tell_match(match: "LookAlike") -> dict[str, Any]:
    """Tell a look-alike cluster."""
    return {"distance": match.distance, **tell_cluster(match.cluster)}


def thumbnail_path(image_id: str) -> str:
    """Give the path under which the page shows an image, small."""
    return f"/thumbnail?id={quote(image_id, safe='')}"
