"""`/v1/alerts`: what was published, to read page by page or to follow."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from worker.alerts import Alert
from worker.web.answers import ServiceOf, answer, problems
from worker.web.cursors import read_entry_id
from worker.web.fan_out import FanOut, SentAlert

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class AlertEvent(BaseModel):
    """A CloudEvents 1.0 object of type `lookalike.alert.v1`, the same as in the stream `alerts`."""

    model_config = ConfigDict(extra="allow")

    specversion: str
    type: str
    source: str
    id: str
    subject: str
    time: str
    data: dict[str, Any]


class AlertPage(BaseModel):
    """Alerts, oldest first."""

    alerts: list[AlertEvent]
    next: str | None = Field(
        description="Value of `after` for what comes behind; null where there was no alert"
    )


After = Annotated[
    str | None,
    Query(max_length=40, description="Position: the `next` of a page, or the id of a stream's entry"),
]


@router.get("", response_model=AlertPage, responses=problems())
def list_alerts(
    request: Request,
    service: ServiceOf,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Alerts in a page")] = 100,
) -> Response:
    """List the alerts that are kept, oldest first, from a position on."""
    start = read_entry_id(after)
    rows = service.client.xrange(service.keys.alerts, min=f"({start}" if start else "-", max="+", count=limit)
    alerts = [Alert(row[0].decode(), json.loads(row[1][b"event"])) for row in rows]
    return answer(
        request,
        {"alerts": [alert.event for alert in alerts], "next": alerts[-1].entry_id if alerts else start},
    )


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        200: {"description": "Each event's id is a position", "content": {"text/event-stream": {}}},
        **problems(),
    },
)
async def follow_alerts(
    request: Request,
    after: After = None,
    last_event_id: Annotated[
        str | None, Header(max_length=40, description="Position of the last event that came")
    ] = None,
) -> StreamingResponse:
    """Follow the alerts as server-sent events, from `Last-Event-ID` or `after` on; without either, from now on."""
    fan_out: FanOut = request.app.state.fan_out
    start = read_entry_id(last_event_id) or read_entry_id(after)
    return StreamingResponse(_events(fan_out, start), media_type="text/event-stream", headers=STREAM_HEADERS)


async def _events(fan_out: FanOut, after: str | None) -> AsyncIterator[bytes]:
    yield b": follow\n\n"
    async for page in fan_out.follow(after):
        yield b"".join(_event(alert) for alert in page) or b": alive\n\n"


def _event(alert: SentAlert) -> bytes:
    look = alert.looks.get("json")
    if look is None:
        look = f"id: {alert.entry_id}\nevent: alert\ndata: {alert.event}\n\n".encode()
        alert.looks["json"] = look
    return look
