"""`/v1/search`: what an archive has of a hash, a URL or a file, and what looks like it."""

from typing import Annotated

from fastapi import APIRouter, Request, UploadFile
from fastapi import Query as Param
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from worker.reading.telling import tell_match, tell_search
from worker.web.answers import ServiceOf, answer, problems
from worker.web.beside import run_beside
from worker.web.guard import is_from_elsewhere
from worker.web.problems import ProblemError
from worker.web.searching import query_of_file, query_of_url
from worker.web.service import Service
from worker.web.shapes import PHASH, SearchAnswer

MAX_MATCHES = 100

router = APIRouter(prefix="/v1/search", tags=["search"])

MaxDistance = Annotated[
    int | None, Param(ge=0, le=16, description="Bits, inclusive; by default LOOKALIKE_MAX_DISTANCE")
]
Limit = Annotated[int, Param(ge=0, le=MAX_MATCHES, description="Look-alikes to give, the nearest first")]


@router.get("", response_model=SearchAnswer, responses=problems(502))
async def search(  # noqa: PLR0913, PLR0917 - the parameters of the operation
    request: Request,
    service: ServiceOf,
    url: Annotated[str | None, Param(max_length=8192, description="It is downloaded and hashed")] = None,
    hash: Annotated[str | None, Param(pattern=PHASH, description="A pHash")] = None,  # noqa: A002 - as above
    max_distance: MaxDistance = None,
    limit: Limit = 20,
) -> Response:
    """Search for a hash, or for the image behind a URL: give one of the two."""
    if (url is None) == (hash is None):
        raise ProblemError(422, "url-or-hash", "give either url or hash")
    if url is not None and is_from_elsewhere(request.headers):
        raise ProblemError(403, "other-origin", "another site's page must not let this service download")

    def find(phash: int) -> Response:
        return _answer(request, service, phash, max_distance=max_distance, limit=limit)

    if hash is not None:
        return await run_in_threadpool(find, int(hash, 16))
    return await run_beside(
        request.app.state.beside.images, lambda: find(query_of_url(service, url or "").phash)
    )


@router.post("", response_model=SearchAnswer, responses=problems())
async def search_file(
    request: Request,
    service: ServiceOf,
    file: UploadFile,
    max_distance: MaxDistance = None,
    limit: Limit = 20,
) -> Response:
    """Search for the image in a file. It is hashed and forgotten."""

    def find() -> Response:
        phash = query_of_file(service, file.file.read()).phash
        return _answer(request, service, phash, max_distance=max_distance, limit=limit)

    return await run_beside(request.app.state.beside.images, find)


def _answer(
    request: Request, service: Service, phash: int, *, max_distance: int | None, limit: int
) -> Response:
    bits = service.settings.max_distance if max_distance is None else max_distance
    found = service.archive().lookup.find(phash, max_distance=bits, limit=limit)
    return answer(request, {**tell_search(found), "matches": [tell_match(match) for match in found.matches]})
