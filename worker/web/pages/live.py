"""`/`: alerts as they come, each new image beside its nearest earlier look-alike."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from worker.web.answers import ServiceOf
from worker.web.api.alerts import STREAM_HEADERS
from worker.web.cursors import read_entry_id
from worker.web.fan_out import FanOut, SentAlert, read_position
from worker.web.rendering import render, render_part, with_query

router = APIRouter()

SHOWN = 30
LOOKED_AT = 2000
"""Alerts that a page looks back through for those that its filter lets pass."""

MOST = 200
"""Alerts that a page follows from its past; it holds no more."""

AT_ONCE = 20
"""Alerts that are drawn before others have their turn: 5 ms."""


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts somebody wants to see."""

    kind: Annotated[Literal["all", "exact", "near"], Query()] = "all"
    max_distance: Annotated[int, Query(ge=0, le=16)] = 16
    source: Annotated[str, Query(max_length=200)] = ""

    def passes(self, event: dict[str, Any]) -> bool:
        """Tell whether an alert is wanted."""
        data = event["data"]
        if self.source and self.source != data["image"]["source"]:
            return False
        if self.kind == "exact":
            return bool(data["earlier_copies"])
        nearest = 0 if data["earlier_copies"] and self.kind != "near" else None
        if data["matches"]:
            nearest = data["matches"][0]["distance"] if nearest is None else nearest
        return nearest is not None and nearest <= self.max_distance

    @property
    def query(self) -> dict[str, object]:
        """The filter as it stands in a URL, without what is usual."""
        return {
            "kind": "" if self.kind == "all" else self.kind,
            "max_distance": "" if self.max_distance == 16 else self.max_distance,  # noqa: PLR2004 - the widest
            "source": self.source,
        }


FilterOf = Annotated[AlertFilter, Depends()]


@router.get("/")
def live(
    request: Request,
    service: ServiceOf,
    only: FilterOf,
    before: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """Show the latest alerts, or those before a position; a script adds what comes."""
    rows = service.client.xrevrange(
        service.keys.alerts, max=f"({start}" if (start := read_entry_id(before)) else "+", count=LOOKED_AT
    )
    alerts = [SentAlert(read_position(row[0].decode()), row[1][b"event"].decode()) for row in rows]
    shown = []
    for alert in alerts:
        if only.passes(alert.data):
            shown.append(alert)
            if len(shown) == SHOWN:
                break
    newest = alerts[0].entry_id if alerts else "0-0"
    older = shown[-1].entry_id if len(shown) == SHOWN else None
    return render(
        request,
        "live.html",
        alerts=shown,
        only=only,
        is_latest=start is None,
        events=with_query("/live/events", only.query, after=newest),
        older=with_query("/", only.query, before=older) if older else None,
        latest=with_query("/", only.query),
    )


@router.get("/live/events")
async def events(
    request: Request,
    only: FilterOf,
    after: Annotated[str | None, Query(max_length=40)] = None,
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> Response:
    """Follow the alerts as pieces of the page."""
    fan_out: FanOut = request.app.state.fan_out
    start = read_entry_id(last_event_id) or read_entry_id(after)
    if start is not None:
        # Who comes back after hours is shown what is new, not all that was.
        start = max(start, await fan_out.latest(MOST), key=read_position)
    return StreamingResponse(
        _pieces(fan_out, only, start), media_type="text/event-stream", headers=STREAM_HEADERS
    )


async def _pieces(fan_out: FanOut, only: AlertFilter, after: str | None) -> AsyncIterator[bytes]:
    yield b": follow\n\n"
    async for page in fan_out.follow(after):
        if not page:
            yield b": alive\n\n"
        for at in range(0, len(page), AT_ONCE):
            some = page[at : at + AT_ONCE]
            told = [_piece(alert, kind=only.kind) for alert in some if only.passes(alert.data)]
            # Nothing to see is a place to go on from.
            yield b"".join(told) or f"id: {some[-1].entry_id}\n\n".encode()
            await asyncio.sleep(0)


def _piece(alert: SentAlert, *, kind: str) -> bytes:
    look = alert.looks.get(kind)
    if look is None:
        html = render_part("_alert.html", alert=alert, is_near=kind == "near")
        lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
        look = f"id: {alert.entry_id}\n{lines}\n".encode()
        alert.looks[kind] = look
    return look
