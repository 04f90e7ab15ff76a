"""`/v1/failures`: what could not be done and why; another try."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from worker.errors import REASONS
from worker.reading.failures import try_again
from worker.web.answers import ServiceOf, answer, problems
from worker.web.cursors import read_entry_id
from worker.web.failed import failure_page, retry_failures
from worker.web.problems import ProblemError

MAX_AT_ONCE = 10_000
MAX_IDS = 1000

router = APIRouter(prefix="/v1/failures", tags=["failures"])


class FailureShape(BaseModel):
    """An image that could not be done. Its URL is shown without query and user."""

    model_config = ConfigDict(title="Failure")

    entry_id: str
    image_id: str | None
    url: str
    reason: str
    detail: str
    attempts: int


class FailurePage(BaseModel):
    """A page of failures, latest first. It may be empty before the end: `next` tells."""

    failures: list[FailureShape]
    next: str | None


class RetryRequest(BaseModel):
    """Which failures get another try: by their entry ids, by reason, or all of them; one of the three."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_IDS)] | None = None
    reason: str | None = Field(None, max_length=40)
    all: Literal[True] | None = None


class Retried(BaseModel):
    """How many images wait again."""

    retried: int


@router.get("", response_model=FailurePage, responses=problems())
def list_failures(
    request: Request,
    service: ServiceOf,
    reason: Annotated[
        str | None, Query(max_length=40, description="One of the closed list of reasons")
    ] = None,
    cursor: Annotated[str | None, Query(max_length=40, description="The `next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Failures in a page")] = 100,
) -> Response:
    """List failures, latest first."""
    _check_reason(reason)
    page, more = failure_page(
        service.client, service.keys, reason=reason, before=read_entry_id(cursor), limit=limit
    )
    return answer(request, {"failures": page, "next": more})


@router.post("/retry", response_model=Retried, responses=problems(415))
def retry(service: ServiceOf, request: Request, chosen: Annotated[RetryRequest, Body()]) -> Response:
    """Move failures to the backlog, up to 10,000 at once; each goes in one step."""
    if sum(given is not None for given in (chosen.ids, chosen.reason, chosen.all)) != 1:
        raise ProblemError(422, "bad-choice", "give one of ids, reason and all")
    _check_reason(chosen.reason)
    scripts = service.archive().scripts
    if chosen.ids is not None:
        ids = [entry_id for entry_id in map(read_entry_id, chosen.ids) if entry_id]
        retried = sum(was_there for _, was_there in try_again(scripts, service.keys, ids))
    else:
        retried = retry_failures(
            scripts, service.client, service.keys, reason=chosen.reason, limit=MAX_AT_ONCE
        )
    service.wake()
    return answer(request, {"retried": retried})


def _check_reason(reason: str | None) -> None:
    if reason is not None and reason not in REASONS:
        raise ProblemError(422, "bad-reason", f"a reason is one of {', '.join(REASONS)}")
