"""Which clusters somebody wants to see, and the page of them: what pages, API and downloads have in common."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import cast

from worker.reading.listing import LOOK_AT, MAX_NUMBER, SOURCE_DEPTH, Cluster, Filter, Listing, Order
from worker.reading.moments import parse_since, parse_until
from worker.reading.periods import Period
from worker.web.cursors import read_cursor, write_cursor
from worker.web.problems import ProblemError
from worker.web.service import OpenArchive

SORTS = ("size", "last", "first", "growth")
WEEK_MS = 7 * 86_400_000

MAX_GROWTH_IMAGES = 5_000_000
"""Images of a window whose clusters are counted: 5 s, and 120 MB of memory."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A listing as a person or a program asks for it; moments are ISO 8601, None for no bound."""

    sort: str = "size"
    min_size: int = 2
    since: str | None = None
    until: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class ChosenPage:
    """A page of clusters, the images that each gained where that was asked, and the cursor of the next page."""

    clusters: list[Cluster]
    gained: dict[int, int]
    next: str | None


def choose_page(archive: OpenArchive, choice: Choice, *, cursor: str | None, limit: int) -> ChosenPage:
    """Read one page.

    Raises:
        ProblemError: A moment or the cursor cannot be read, or the window of a growth is too large.
    """
    listing = archive.listing
    first, end = _number(listing, choice.since, parse_since), _number(listing, choice.until, parse_until)
    if choice.sort == "growth":
        if cursor:
            raise ProblemError(400, "bad-cursor", "a listing by growth has one page")
        return _grown(archive, choice, first=first, end=end, limit=limit)
    only = Filter(
        min_images=choice.min_size,
        last_from=first or 0,
        last_to=MAX_NUMBER if end is None else end - 1,
        source=choice.source,
    )
    order = cast("Order", choice.sort)
    clusters, position = listing.page(order, only=only, after=read_cursor(cursor, order=order), limit=limit)
    return ChosenPage(clusters, {}, write_cursor(order, position))


def check_choice(archive: OpenArchive, choice: Choice) -> None:
    """Raise what `choose_page` would, before an answer has begun."""
    choose_page(archive, choice, cursor=None, limit=1)


def _number(listing: Listing, text: str | None, parse: Callable[[str], int]) -> int | None:
    """Turn a moment into the number of the first image seen at it or later."""
    if not text:
        return None
    try:
        return listing.number_at(max(0, min(parse(text), 2**48 - 1)))
    except ValueError as error:
        raise ProblemError(422, "bad-moment", str(error)) from None


def check_growth(period: Period) -> None:
    """Raise ProblemError where a window holds more images than are counted."""
    images = period.end - period.first
    if images > MAX_GROWTH_IMAGES:
        told = f"the window holds {images:,} images: growth is counted over {MAX_GROWTH_IMAGES:,} at most"
        raise ProblemError(422, "window-too-large", f"{told}; take a shorter one")


def _grown(
    archive: OpenArchive, choice: Choice, *, first: int | None, end: int | None, limit: int
) -> ChosenPage:
    """Give the clusters with most images of the window, in one page: what gained most is what is looked for.

    Of the window's clusters 5,000 at most are looked at while a filter drops them.
    """
    now = archive.periods.between(None, None).end
    end = now if end is None else end
    if first is None:
        # Seven days up to the end of the window.
        until_ms = archive.periods.seen_at_ms(end) if end < now else int(time.time() * 1000)
        first = archive.listing.number_at(until_ms - WEEK_MS)
    period = Period(first, max(first, end))
    check_growth(period)
    depth = SOURCE_DEPTH if choice.source else 1
    found = archive.periods.largest(period, min_size=1, limit=LOOK_AT, urls=depth)
    gained: dict[int, int] = {}
    kept: list[Cluster] = []
    while len(kept) < limit and (some := list(islice(found, limit))):
        passed = [
            cluster
            for cluster in some
            if not choice.source or choice.source in {record.image.source for record in cluster.latest}
        ]
        gained |= {cluster.phash: cluster.images for cluster in passed}
        described = archive.listing.describe([cluster.phash for cluster in passed])
        kept += [cluster for cluster in described if cluster and cluster.images >= choice.min_size]
    return ChosenPage(kept[:limit], gained, None)
