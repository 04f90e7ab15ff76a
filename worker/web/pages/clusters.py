"""`/clusters` and `/clusters/{phash}`: the gallery, and one cluster with its images, its times and its look-alikes."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from worker.reading.listing import UnknownImageError
from worker.web.answers import ServiceOf
from worker.web.beside import run_beside
from worker.web.charts import bars_of_counts, bars_of_times
from worker.web.choosing import SORTS, Choice, ChosenPage, choose_page
from worker.web.cursors import read_number
from worker.web.parquet import has_parquet
from worker.web.problems import ProblemError
from worker.web.rendering import render, with_query
from worker.web.shapes import PHASH

router = APIRouter()

PAGE = 48
IMAGES = 50
TIMES = 1000
"""Latest images of a cluster that its timeline shows."""
MAX_LOOK_ALIKES = 40


@router.get("/clusters")
async def clusters(  # noqa: PLR0913, PLR0917 - the state of the page
    request: Request,
    service: ServiceOf,
    sort: Annotated[str, Query(pattern="^(size|last|first|growth)$")] = "size",
    min_size: Annotated[int, Query(ge=2, le=2**31)] = 2,
    since: Annotated[str, Query(max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    source: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """Show a page of clusters of two images or more."""
    choice = Choice(sort, min_size, since or None, until or None, source)

    def read() -> Response:
        page = choose_page(service.archive(), choice, cursor=cursor, limit=PAGE)
        return _gallery(request, choice, page, cursor=cursor)

    if sort == "growth":
        return await run_beside(request.app.state.beside.growth, read)
    return await run_in_threadpool(read)


def _gallery(request: Request, choice: Choice, page: ChosenPage, *, cursor: str) -> Response:
    asked = {name: value for name, value in asdict(choice).items() if value != getattr(Choice(), name)}
    table = {name: value for name, value in asked.items() if name != "sort"}
    return render(
        request,
        "clusters.html",
        choice=choice,
        sorts=SORTS,
        page=page,
        most=PAGE,
        is_first=not cursor,
        first=with_query("/clusters", asked),
        next=with_query("/clusters", asked, cursor=page.next) if page.next else None,
        csv=with_query("/v1/clusters.csv", table),
        json_lines=with_query("/v1/clusters.jsonl", table),
        parquet=with_query("/v1/clusters.parquet", table) if has_parquet() else None,
    )


@router.get("/clusters/{phash}")
def cluster(
    request: Request,
    service: ServiceOf,
    phash: Annotated[str, Path(pattern=PHASH)],
    distance: Annotated[int | None, Query(ge=0, le=16)] = None,
    cursor: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Show one cluster."""
    if phash != phash.lower():
        return RedirectResponse(f"/clusters/{phash.lower()}", status_code=301)
    archive = service.archive()
    bits = service.settings.max_distance if distance is None else distance
    found = archive.lookup.find(int(phash, 16), max_distance=bits, limit=MAX_LOOK_ALIKES)
    if found.exact is None:
        raise ProblemError(404, "no-cluster", f"No image has the hash {phash}.")
    try:
        images = archive.listing.images(found.phash, below=read_number(cursor), limit=IMAGES)
    except UnknownImageError as error:
        raise ProblemError(400, "bad-cursor", str(error)) from None
    times = [record.seen_at_ms for record in archive.listing.images(found.phash, below=None, limit=TIMES)]
    asked = {"distance": distance}
    return render(
        request,
        "cluster.html",
        phash=phash,
        found=found,
        distance=bits,
        images=images,
        is_first=not cursor,
        next=(
            with_query(f"/clusters/{phash}", asked, cursor=images[-1].number)
            if images and images[-1].rank
            else None
        ),
        timeline=bars_of_times(times),
        times_shown=len(times),
        histogram=bars_of_counts({bits: count for bits, count in found.histogram.items() if bits}),
    )
