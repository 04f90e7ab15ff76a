"""What went wrong, told as RFC 9457 says: `application/problem+json`, one type a case."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """Raised when a request is answered with a problem; `kind` is the last part of its type."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 - members of a problem are any JSON
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more


def problem_body(error: ProblemError) -> dict[str, Any]:
    """Give the members of a problem."""
    return {
        "type": f"/problems/{error.kind}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        **error.more,
    }


def problem_response(error: ProblemError) -> Response:
    """Give a problem as a response."""
    body = json.dumps(problem_body(error), ensure_ascii=False, separators=(",", ":"))
    return Response(
        body,
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers={**error.headers, "Cache-Control": "no-store"},
    )
