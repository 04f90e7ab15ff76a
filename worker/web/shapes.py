"""What the API answers with, as models that OpenAPI shows; `worker.reading.telling` makes the objects."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

PHASH = "^[0-9a-fA-F]{16}$"


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
    latest: Image = Field(description="Its last image")


class ListedClusterShape(ClusterShape):
    """A cluster of a listing."""

    model_config = ConfigDict(title="ListedCluster")

    gained: int | None = Field(description="Images of the window; only with sort=growth")


class ClusterPage(BaseModel):
    """A page of clusters. It may be empty before the end: `next` tells."""

    clusters: list[ListedClusterShape]
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
    exact: ClusterShape | None = Field(description="The cluster with the very hash")
    match_count: int = Field(description="All other clusters within max_distance, shown or not")
    matches: list[LookAlikeShape] = Field(description="Nearest first, without `exact`")


class Problem(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
