"""`/compare?a=&b=`: two images side by side, over each other, and the bits in which their hashes differ."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from worker.records import Record
from worker.web.answers import ServiceOf
from worker.web.problems import ProblemError
from worker.web.rendering import render
from worker.web.service import Service

router = APIRouter()


@router.get("/compare")
def compare(
    request: Request,
    service: ServiceOf,
    a: Annotated[str, Query(max_length=200)] = "",
    b: Annotated[str, Query(max_length=200)] = "",
    view: Literal["side", "flip", "slide", "difference"] = "side",
) -> Response:
    """Compare two images by their ids."""
    if not a or not b:
        return render(request, "compare.html", a=a, b=b, first=None, second=None, differing=0, bits=0)
    first, second = _image(service, a), _image(service, b)
    differing = first.image.phash ^ second.image.phash
    return render(
        request,
        "compare.html",
        a=a,
        b=b,
        view=view,
        first=first,
        second=second,
        differing=differing,
        bits=differing.bit_count(),
        max_distance=service.settings.max_distance,
    )


def _image(service: Service, image_id: str) -> Record:
    record = service.archive().listing.image(image_id)
    if record is None:
        raise ProblemError(404, "no-image", f"No image was recorded under the id {image_id[:60]}.")
    return record
