"""Which clusters somebody wants to see, and the page of them: what pages, API and downloads have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from worker.reading.listing import MAX_NUMBER, SOURCE_DEPTH, Cluster, Filter, Order
from worker.reading.moments import parse_since, parse_until
from worker.web.cursors import read_cursor, write_cursor
from worker.web.problems import ProblemError
from worker.web.service import OpenArchive

SORTS = ("size", "last", "first", "growth")


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
    since_ms, until_ms = _read_moment(choice.since, parse_since), _read_moment(choice.until, parse_until)
    if choice.sort == "growth":
        if cursor:
            raise ProblemError(400, "bad-cursor", "a listing by growth has one page")
        return _grown(archive, choice, archive.growth.gains(since_ms, until_ms), limit=limit)
    order = cast("Order", choice.sort)
    only = Filter(
        min_images=choice.min_size,
        last_from=0 if since_ms is None else archive.periods.number_at(since_ms),
        last_to=MAX_NUMBER if until_ms is None else archive.periods.number_at(until_ms) - 1,
        source=choice.source,
    )
    clusters, position = archive.listing.page(
        order, only=only, after=read_cursor(cursor, order=order), limit=limit
    )
    return ChosenPage(clusters, {}, write_cursor(order, position))


def check_choice(archive: OpenArchive, choice: Choice) -> None:
    """Raise what `choose_page` would, before an answer has begun."""
    choose_page(archive, choice, cursor=None, limit=1)


def _read_moment(text: str | None, parse: Callable[[str], int]) -> int | None:
    if not text:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise ProblemError(422, "bad-moment", str(error)) from None


def _grown(archive: OpenArchive, choice: Choice, gains: list[tuple[int, int]], *, limit: int) -> ChosenPage:
    """Give the clusters with most images of the window, in one page: what gained most is what is looked for."""
    depth = SOURCE_DEPTH if choice.source else 1
    kept: list[Cluster] = []
    for at in range(0, len(gains), limit):
        phashes = [phash for phash, _ in gains[at : at + limit]]
        kept += [
            cluster
            for cluster in archive.listing.describe(phashes, latest=depth)
            if cluster is not None
            and cluster.images >= choice.min_size
            and (not choice.source or choice.source in {record.image.source for record in cluster.latest})
        ]
        if len(kept) >= limit:
            break
    return ChosenPage(kept[:limit], dict(gains), None)
