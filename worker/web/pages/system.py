"""`/system`: what waits, who works, what failed and why; and the last half hour as two charts."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from worker.errors import REASONS
from worker.reading.latencies import quantile_s
from worker.reading.statistics import read_stats, read_status
from worker.web.answers import ServiceOf, answer
from worker.web.failed import count_reasons, retry_failures
from worker.web.rendering import render

router = APIRouter()

LOOKED_AT = 1000
RETRY_AT_ONCE = 10_000


@router.get("/system")
def system(request: Request, service: ServiceOf, retried: int | None = None) -> Response:
    """Show the state of the service."""
    archive = service.archive()
    status = read_status(service.client, service.keys)
    memory = service.client.info("memory")
    recent = request.app.state.sampler.recent()
    reasons, latest = count_reasons(service.client, service.keys, look_at=LOOKED_AT)
    return render(
        request,
        "system.html",
        status=status,
        stats=read_stats(service.client, service.keys),
        rows=archive.lookup.rows(),
        facts=service.facts(),
        used_memory=int(memory.get("used_memory", 0)),
        max_memory=int(memory.get("maxmemory", 0)),
        reasons=reasons,
        latest=latest,
        looked_at=LOOKED_AT,
        retried=retried,
        p50_s=quantile_s(recent, 0.5),
        p95_s=quantile_s(recent, 0.95),
    )


@router.get("/system/series")
def series(request: Request) -> Response:
    """Give the samples of the last half hour, for the charts."""
    return answer(request, request.app.state.sampler.series())


@router.post("/system/retry")
def retry(service: ServiceOf, reason: Annotated[str, Form(max_length=40)] = "") -> Response:
    """Move failures, those of one reason or all, to the backlog."""
    chosen = reason if reason in REASONS else None
    moved = retry_failures(
        service.archive().scripts, service.client, service.keys, reason=chosen, limit=RETRY_AT_ONCE
    )
    service.wake()
    return RedirectResponse(f"/system?retried={moved}", status_code=303)
