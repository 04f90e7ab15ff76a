"""Answers of the API: JSON with an ETag, the problems that any request may meet, and the service behind a request."""

import hashlib
import json
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from worker.web.problems import MEDIA_TYPE
from worker.web.service import Service
from worker.web.shapes import Problem

_TOLD = {
    400: "A parameter or the body cannot be read",
    401: "A token is needed",
    403: "The token lacks the scope, or another site's page sent this",
    404: "Not found",
    409: "It contradicts what was sent before",
    413: "The body is too large",
    415: "The body is of another type",
    421: "The server is not known by this name",
    422: "A value is out of its range, or an image cannot be had; `reason` says why",
    429: "Too much waits already: come back after `Retry-After` seconds",
    500: "A fault of this service",
    501: "This service lacks an extra that the operation needs",
    502: "The host of the image did not deliver it; `reason` says why",
    503: "The archive's server is away, or holds no archive yet",
}
_ALWAYS = (400, 401, 403, 413, 421, 422, 500, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe, for OpenAPI, the problems that an operation may answer with."""
    return {
        status: {
            "description": _TOLD[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*_ALWAYS, *statuses})
    }


def give_service(request: Request) -> Service:
    """Give the service behind a request."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(give_service)]


def answer(request: Request, content: Any, *, status: int = 200) -> Response:  # noqa: ANN401 - any JSON
    """Give JSON with an ETag, or 304 where the client has the same already."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = request.headers.get("if-none-match")
    if known is not None and request.method == "GET" and tag in [part.strip() for part in known.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(body, status_code=status, media_type="application/json", headers=headers)


__all__ = ["Problem", "ServiceOf", "answer", "give_service", "problems"]
