"""`/v1/stats`: what the archive holds and what the workers have to do."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from worker.reading.statistics import read_stats, read_status
from worker.web.answers import ServiceOf, answer, problems

router = APIRouter(prefix="/v1", tags=["operation"])


class Waiting(BaseModel):
    """Entries that wait, by lane."""

    live: int
    retry: int
    backlog: int


class Stats(BaseModel):
    """Counts of the archive, and of the work before it."""

    model_config = ConfigDict(extra="allow")

    images: int
    clusters: int
    clusters_by_min_size: dict[str, int]
    largest: int
    alerts: int
    failures: int
    low_information: int
    waiting: Waiting
    in_flight: int
    delayed: int
    workers: int = Field(description="Workers heard of in the last 5 seconds")


@router.get("/stats", response_model=Stats, responses=problems())
def stats(request: Request, service: ServiceOf) -> Response:
    """Count images, clusters, alerts, failures, what waits and who works."""
    counts = read_stats(service.client, service.keys) | read_status(service.client, service.keys)
    return answer(request, counts)
