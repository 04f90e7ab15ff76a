"""`/thumbnail`: an image, small, from what the workers kept, never from where it was found; and `/blur`."""

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from worker.web.answers import ServiceOf
from worker.web.beside import run_soon
from worker.web.rendering import BLUR_COOKIE, render_part

router = APIRouter()
logger = logging.getLogger(__name__)

DAY_S = 86_400


@router.get("/thumbnail")
async def thumbnail(
    request: Request, service: ServiceOf, image_id: Annotated[str, Query(alias="id", max_length=200)]
) -> Response:
    """Give a picture in any case: where none was kept, or the store takes too long, a drawing of the hash."""
    record = await run_in_threadpool(lambda: service.archive().listing.image(image_id))
    picture = None
    if record is not None and (store := service.thumbnails) is not None:
        sha256 = record.image.sha256
        try:
            picture = await run_soon(request.app.state.beside.thumbnails, lambda: store.read(sha256))
        except OSError as error:
            logger.warning("the store of thumbnails: %s", error)
    if picture is not None:
        return Response(
            picture, media_type="image/webp", headers={"Cache-Control": f"private, max-age={DAY_S}"}
        )
    drawing = render_part("_drawing.svg", phash=record.image.phash if record is not None else 0)
    return Response(drawing, media_type="image/svg+xml", headers={"Cache-Control": "private, max-age=30"})


@router.post("/blur")
def blur(request: Request, on: Annotated[str, Form(pattern="^[01]$")]) -> Response:
    """Remember in a cookie whether pictures are blurred, so that none is shown before a script could hide it."""
    back = request.headers.get("referer", "/")
    path = "/" + back.split("/", 3)[3] if back.count("/") > 2 else "/"  # noqa: PLR2004 - behind the host
    response = RedirectResponse(path if not path.startswith("//") else "/", status_code=303)
    response.set_cookie(BLUR_COOKIE, on, max_age=365 * DAY_S, httponly=True, samesite="strict")
    return response
