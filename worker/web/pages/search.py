"""`/search`: one box for a URL, a hash or a file; what looks like it, or why there is no answer."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi import Query as Param
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from worker.reading.lookup import Found
from worker.web.answers import ServiceOf
from worker.web.beside import run_beside
from worker.web.guard import is_from_elsewhere
from worker.web.problems import ProblemError
from worker.web.rendering import render
from worker.web.searching import Query, query_of_file, query_of_url, read_hash
from worker.web.service import Service

router = APIRouter()

SHOWN = 60

TOLD = {
    "refused_address": "This address is refused: it is not a public one.",
    "refused_scheme": "This kind of address is refused.",
    "bad_entry": "This is neither an http or https URL nor a hash of 16 hex digits.",
    "too_many_redirects": "It could not be downloaded: it redirects again and again.",
    "http_status": "It could not be downloaded.",
    "tls": "It could not be downloaded: its certificate is not accepted.",
    "unreachable": "It could not be downloaded: the host could not be reached.",
    "timed_out": "It could not be downloaded: it took too long.",
    "too_large": "It is too large.",
    "empty_body": "It is empty.",
    "not_an_image": "It is not an image.",
    "broken_image": "The image is broken.",
    "unhashable": "This kind of image has no hash.",
    "worker_died": "It ended the process that was to read it: it may be made to do harm.",
}
"""What a searcher reads for each reason; the detail stands below."""


@router.get("/search")
async def search(
    request: Request,
    service: ServiceOf,
    q: Annotated[str, Param(max_length=8192)] = "",
    max_distance: Annotated[int | None, Param(ge=0, le=16)] = None,
) -> Response:
    """Search for what was typed."""
    text = q.strip()
    bits = service.settings.max_distance if max_distance is None else max_distance
    if not text:
        return _page(request, q="", max_distance=bits)

    def find(make_query: Callable[[], Query]) -> Response:
        return _answer(request, service, make_query, q=text, max_distance=bits)

    phash = read_hash(text)
    if phash is not None:
        return await run_in_threadpool(find, lambda: Query(phash))
    if is_from_elsewhere(request.headers):
        # Another site's page must not let this service download: a person presses the button.
        return _page(request, q=text, max_distance=bits, is_offered=True)
    return await run_beside(
        request.app.state.beside.images, lambda: find(lambda: query_of_url(service, text))
    )


@router.post("/search")
async def search_file(
    request: Request,
    service: ServiceOf,
    file: UploadFile,
    max_distance: Annotated[int | None, Form(ge=0, le=16)] = None,
) -> Response:
    """Search for a file. It is hashed and forgotten."""
    bits = service.settings.max_distance if max_distance is None else max_distance

    def find() -> Response:
        def make_query() -> Query:
            return query_of_file(service, file.file.read())

        return _answer(request, service, make_query, q="", max_distance=bits)

    return await run_beside(request.app.state.beside.images, find)


def _answer(
    request: Request, service: Service, make_query: Callable[[], Query], *, q: str, max_distance: int
) -> Response:
    try:
        query = make_query()
    except ProblemError as error:
        return _page(request, q=q, max_distance=max_distance, problem=error)
    found = service.archive().lookup.find(query.phash, max_distance=max_distance, limit=SHOWN)
    return _page(request, q=q, max_distance=max_distance, query=query, found=found)


def _page(  # noqa: PLR0913 - the state of the page
    request: Request,
    *,
    q: str,
    max_distance: int,
    query: Query | None = None,
    found: Found | None = None,
    problem: ProblemError | None = None,
    is_offered: bool = False,
) -> Response:
    reason = str(problem.more.get("reason", "")) if problem is not None else ""
    return render(
        request,
        "search.html",
        status_code=200 if problem is None else problem.status,
        q=q,
        max_distance=max_distance,
        query=query,
        found=found,
        told=TOLD.get(reason, "There is no answer."),
        problem=problem,
        is_offered=is_offered,
    )
