"""`/v1/clusters` and `/v1/images`: what was recorded, by listing, by hash, by id."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from worker.reading.listing import UnknownImageError
from worker.reading.telling import tell_cluster, tell_image
from worker.web.answers import ServiceOf, answer, problems
from worker.web.beside import run_beside
from worker.web.choosing import Choice, check_choice, choose_page
from worker.web.cursors import read_number
from worker.web.downloads import csv_rows, json_lines
from worker.web.parquet import MEDIA_TYPE, has_parquet, parquet_pieces
from worker.web.problems import ProblemError
from worker.web.shapes import PHASH, ClusterImages, ClusterPage, Image

router = APIRouter(prefix="/v1", tags=["clusters"])

Sort = Annotated[
    str,
    Query(
        pattern="^(size|last|first|growth)$",
        description="Greatest first: size, last seen, first seen, or images gained since `since`",
    ),
]
MinSize = Annotated[int, Query(ge=2, le=2**31, description="Images that a cluster has at least")]
_TIME = "ISO 8601, in UTC unless it says"
Since = Annotated[str | None, Query(max_length=40, description=f"Last seen at this time or later: {_TIME}")]
Until = Annotated[
    str | None,
    Query(max_length=40, description=f"Last seen before this time, or on this day at the latest: {_TIME}"),
]
Source = Annotated[str, Query(max_length=200, description="Of one of its latest 20 images")]
NEXT = "The `next` of the page before"


def _choose(min_size: MinSize = 2, since: Since = None, until: Until = None, source: Source = "") -> Choice:
    return Choice("size", min_size, since, until, source)


TableOf = Annotated[Choice, Depends(_choose)]


@router.get("/clusters", response_model=ClusterPage, responses=problems())
async def list_clusters(  # noqa: PLR0913, PLR0917 - the parameters of the operation
    request: Request,
    service: ServiceOf,
    sort: Sort = "size",
    min_size: MinSize = 2,
    since: Since = None,
    until: Until = None,
    source: Source = "",
    cursor: Annotated[str | None, Query(max_length=80, description=NEXT)] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Clusters in a page")] = 50,
) -> Response:
    """List clusters of two images or more, last seen within a window of time."""
    choice = Choice(sort, min_size, since, until, source)

    def read() -> Response:
        page = choose_page(service.archive(), choice, cursor=cursor, limit=limit)
        told = [
            {**tell_cluster(cluster), "gained": page.gained.get(cluster.phash)} for cluster in page.clusters
        ]
        return answer(request, {"clusters": told, "next": page.next})

    if sort == "growth":
        return await run_beside(request.app.state.beside.growth, read)
    return await run_in_threadpool(read)


@router.get(
    "/clusters.csv", responses={200: {"content": {"text/csv": {}}}, **problems()}, response_class=Response
)
def download_csv(service: ServiceOf, choice: TableOf) -> Response:
    """Download all clusters, latest begun first, as CSV: phash, images, first and last seen, up to 100 URLs each."""
    archive = service.archive()
    check_choice(archive, choice)
    return _download(csv_rows(archive, choice), name="clusters.csv", media_type="text/csv")


@router.get(
    "/clusters.jsonl",
    responses={200: {"content": {"application/jsonl": {}}}, **problems()},
    response_class=Response,
)
def download_json_lines(service: ServiceOf, choice: TableOf) -> Response:
    """Download all clusters, latest begun first, as JSON lines, with up to 100 URLs each."""
    archive = service.archive()
    check_choice(archive, choice)
    return _download(json_lines(archive, choice), name="clusters.jsonl", media_type="application/jsonl")


@router.get(
    "/clusters.parquet",
    responses={200: {"content": {MEDIA_TYPE: {}}}, **problems(501)},
    response_class=Response,
)
def download_parquet(service: ServiceOf, choice: TableOf) -> Response:
    """Download all clusters, latest begun first, as Parquet, with up to 100 URLs each; needs the extra `parquet`."""
    archive = service.archive()
    check_choice(archive, choice)
    if not has_parquet():
        raise ProblemError(
            501, "no-parquet", "pyarrow is not installed here: pip install 'lookalike[parquet]'"
        )
    return _download(parquet_pieces(archive, choice), name="clusters.parquet", media_type=MEDIA_TYPE)


@router.get("/clusters/{phash}", response_model=ClusterImages, responses=problems(404))
def show_cluster(
    request: Request,
    service: ServiceOf,
    phash: Annotated[str, Path(pattern=PHASH, description="The pHash, 16 hex digits")],
    cursor: Annotated[str | None, Query(max_length=10, description=NEXT)] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Images in a page")] = 100,
) -> Response:
    """Show one cluster, also of a single image, and its images, latest first."""
    listing = service.archive().listing
    [cluster] = listing.describe([int(phash, 16)])
    if cluster is None:
        raise ProblemError(404, "no-cluster", f"no image has the hash {phash.lower()}")
    try:
        images = listing.images(cluster.phash, below=read_number(cursor), limit=limit)
    except UnknownImageError as error:
        raise ProblemError(400, "bad-cursor", str(error)) from None
    more = str(images[-1].number) if images and images[-1].rank else None
    return answer(
        request,
        {"cluster": tell_cluster(cluster), "images": [tell_image(image) for image in images], "next": more},
    )


@router.get("/images/{image_id:path}", response_model=Image, responses=problems(404))
def show_image(
    request: Request,
    service: ServiceOf,
    image_id: Annotated[str, Path(min_length=1, max_length=200, description="The id, percent-encoded")],
) -> Response:
    """Show one image by its id."""
    record = service.archive().listing.image(image_id)
    if record is None:
        raise ProblemError(404, "no-image", "no image was recorded under this id")
    return answer(request, tell_image(record))


def _download(rows: Any, *, name: str, media_type: str) -> StreamingResponse:  # noqa: ANN401 - text or bytes, in pieces
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(rows, media_type=media_type, headers=headers)
