"""`/v1/docs`: the API to read, written from its own description; no script is needed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from worker.web.reference import TOPICS, is_about, read_operations, read_shapes
from worker.web.rendering import render

router = APIRouter()


@router.get("/v1/docs")
def reference(request: Request, q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Show the operations about some words, or all of them, and the objects that they take and give."""
    description = request.app.openapi()
    operations = read_operations(description, base=str(request.base_url).rstrip("/"))
    shapes = read_shapes(description)
    found = [operation for operation in operations if is_about(operation, q, shapes=shapes)]
    return render(
        request,
        "reference.html",
        q=q,
        count=len(operations),
        topics=[(topic, [one for one in found if one.topic == topic]) for topic in TOPICS],
        shapes=shapes,
        version=description["info"]["version"],
    )
