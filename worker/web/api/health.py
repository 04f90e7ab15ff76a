"""`/healthz`, `/readyz`, `/metrics`: for those who run the service."""

import logging
import time

from fastapi import APIRouter, Request
from pydantic import BaseModel
from redis.exceptions import RedisError
from starlette.responses import Response

from worker.errors import ServiceError
from worker.web.answers import ServiceOf, answer, problems
from worker.web.metrics import write_metrics
from worker.web.problems import ProblemError

logger = logging.getLogger(__name__)

MAX_BEHIND_S = 2.0

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """The server answers and the replica has followed its log."""

    status: str
    rows: int
    took_s: float


@router.get("/healthz", response_model=Health, responses=problems())
async def healthz(request: Request) -> Response:
    """Tell that the process lives."""
    return answer(request, {"status": "ok"})


@router.get("/readyz", response_model=Readiness, responses=problems())
def readyz(request: Request, service: ServiceOf) -> Response:
    """Tell whether the server answers, and the replica of the index reaches the end of the log within 2 s."""
    started = time.monotonic()
    try:
        rows = service.archive().lookup.rows()
    except (RedisError, ServiceError, OSError) as error:
        # Anybody may ask, and the text of an error names servers.
        logger.warning("not ready: %s: %s", type(error).__name__, error)
        raise ProblemError(503, "not-ready", type(error).__name__) from None
    took_s = time.monotonic() - started
    if took_s > MAX_BEHIND_S:
        raise ProblemError(503, "not-ready", f"the replica needed {took_s:.1f} s to follow the log")
    return answer(request, {"status": "ready", "rows": rows, "took_s": round(took_s, 4)})


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **problems()}
)
def metrics(request: Request, service: ServiceOf) -> Response:
    """Give the counts of the archive, its workers and this process in Prometheus's text format."""
    state = request.app.state
    text = write_metrics(service, state.counts, followers=state.fan_out.followers)
    return Response(text, media_type="text/plain; version=0.0.4")
