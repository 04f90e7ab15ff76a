"""What the API answers with: the models that OpenAPI shows, and the same as plain objects from what was read."""

import json
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from worker.reading.listing import Cluster
from worker.reading.lookup import Found
from worker.records import Record, iso_time

PHASH = "^[0-9a-fA-F]{16}$"
_UNKNOWN_SHA256 = bytes(32)


class Image(BaseModel):
    """An image as it was recorded."""

    id: str
    number: int = Field(description="Its rank in time within the archive, from 0")
    url: str
    source: str | None
    page_url: str | None
    scraped_at: str | None
    seen_at: str | None
    phash: str = Field(pattern=PHASH)
    width: int | None
    height: int | None
    format: str | None
    sha256: str | None = Field(description="Of the bytes that were downloaded")
    meta: dict[str, Any] | None
    thumbnail: str = Field(description="Where this service shows it, small")


class ClusterShape(BaseModel):
    """The images with one phash."""

    model_config = ConfigDict(title="Cluster")

    phash: str = Field(pattern=PHASH)
    images: int
    first_seen_at: str | None
    last_seen_at: str | None
    sample: Image = Field(description="Its first image")
    latest: Image
    gained: int | None = Field(description="Images of the window; only with sort=growth")


class ClusterPage(BaseModel):
    """A page of clusters. It may be empty before the end: `next` tells."""

    clusters: list[ClusterShape]
    next: str | None = Field(description="Value of `cursor` for the next page; null at the end")


class ClusterImages(BaseModel):
    """One cluster and a page of its images, latest first."""

    cluster: ClusterShape
    images: list[Image]
    next: str | None = Field(description="Value of `cursor` for the next page; null at the end")


class LookAlikeShape(ClusterShape):
    """A cluster near what was searched for."""

    model_config = ConfigDict(title="LookAlike")

    distance: int = Field(description="Bits in which the hashes differ, 1 to 16")


class SearchAnswer(BaseModel):
    """What an archive has of an image, and what looks like it."""

    phash: str = Field(pattern=PHASH)
    searchable: bool = Field(
        description="False: too little texture to be told from other pictures; no matches"
    )
    max_distance: int
    exact: ClusterShape | None
    matches: list[LookAlikeShape] = Field(description="Nearest first")
    match_count: int = Field(description="All clusters within max_distance, shown or not")


class Problem(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


def image_shape(record: Record) -> dict[str, Any]:
    """Give an image as the API does."""
    image = record.image
    return {
        "id": image.id,
        "number": record.number,
        "url": image.url,
        "source": image.source or None,
        "page_url": image.page_url or None,
        "scraped_at": iso_time(image.scraped_at_ms),
        "seen_at": iso_time(record.seen_at_ms),
        "phash": f"{image.phash:016x}",
        "width": image.width or None,
        "height": image.height or None,
        "format": image.format or None,
        "sha256": None if image.sha256 == _UNKNOWN_SHA256 else image.sha256.hex(),
        "meta": json.loads(image.meta) if image.meta else None,
        "thumbnail": thumbnail_path(image.id),
    }


def cluster_shape(cluster: Cluster, *, gained: int | None = None) -> dict[str, Any]:
    """Give a cluster as the API does."""
    return {
        "phash": f"{cluster.phash:016x}",
        "images": cluster.images,
        "first_seen_at": iso_time(cluster.first.seen_at_ms),
        "last_seen_at": iso_time(cluster.last.seen_at_ms),
        "sample": image_shape(cluster.first),
        "latest": image_shape(cluster.last),
        "gained": gained,
    }


def found_shape(found: Found, *, max_distance: int) -> dict[str, Any]:
    """Give the answer to a search as the API does."""
    return {
        "phash": f"{found.phash:016x}",
        "searchable": found.is_searchable,
        "max_distance": max_distance,
        "exact": None if found.exact is None else cluster_shape(found.exact),
        "matches": [{"distance": match.distance, **cluster_shape(match.cluster)} for match in found.matches],
        "match_count": found.match_count,
    }


def thumbnail_path(image_id: str) -> str:
    """Give the path under which this service shows an image, small."""
    return f"/thumbnail?id={quote(image_id, safe='')}"
