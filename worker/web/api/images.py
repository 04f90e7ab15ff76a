"""`POST /v1/images`: images to look at, one or a thousand; accepted once this is answered."""

import hashlib
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Query
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from producer import ArchiveFullError, ImageMessage, InvalidMessageError, NotAcceptedError
from worker.web.answers import ServiceOf, problems
from worker.web.problems import ProblemError
from worker.web.service import Service

MAX_IMAGES = 1000
REMEMBERED_S = 86_400
"""How long an Idempotency-Key is remembered."""

RETRY_AFTER_S = "10"

router = APIRouter(prefix="/v1/images", tags=["images"])


class Accepted(BaseModel):
    """Ids of the images that were accepted, in the order in which they came."""

    accepted: int
    ids: list[str] = Field(description="An image without an id gets one that its URL gives")


_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/ImageMessage"},
                        {
                            "type": "array",
                            "items": {"$ref": "#/components/schemas/ImageMessage"},
                            "minItems": 1,
                            "maxItems": MAX_IMAGES,
                        },
                    ]
                }
            }
        },
    }
}


@router.post(
    "", status_code=202, response_model=Accepted, responses=problems(409, 415, 429), openapi_extra=_SCHEMA
)
def send_images(
    service: ServiceOf,
    body: Annotated[dict[str, Any] | list[Any], Body()],
    lane: Annotated[Literal["live", "backlog"], Query(description="live is worked on first")] = "live",
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=200, description="The same key gives the same answer for a day"),
    ] = None,
) -> Response:
    """Put images onto a lane: all of them, or, where one breaks the contract, none."""
    messages = _read(body)
    if service.client.xlen(service.keys.stream(lane)) + len(messages) > service.settings.lane_limit:
        raise ProblemError(
            429, "lane-full", f"the lane {lane} is too long", headers={"Retry-After": RETRY_AFTER_S}
        )
    digest = hashlib.sha256(json.dumps([lane, body], sort_keys=True).encode()).hexdigest()
    remembered = _recall(service, idempotency_key, digest)
    if remembered is None:
        _send(service, messages, lane=lane)
        remembered = {"accepted": len(messages), "ids": [message.image_id for message in messages]}
        _remember(service, idempotency_key, digest, remembered)
    return JSONResponse(remembered, status_code=202)


def _read(body: object) -> list[ImageMessage]:
    given = body if isinstance(body, list) else [body]
    if not 1 <= len(given) <= MAX_IMAGES:
        raise ProblemError(422, "bad-images", f"{len(given)} images: 1 to {MAX_IMAGES} at a time")
    messages: list[ImageMessage] = []
    wrong: list[dict[str, Any]] = []
    for index, values in enumerate(given):
        if not isinstance(values, dict):
            wrong.append({"index": index, "field": "", "what": "an image is a JSON object"})
            continue
        try:
            messages.append(ImageMessage.build(**values))
        except InvalidMessageError as error:
            wrong.append({"index": index, "field": error.field, "what": str(error)})
    if wrong:
        told = f"image {wrong[0]['index']}: {wrong[0]['what']}"
        raise ProblemError(422, "bad-images", told, errors=wrong[:20])
    return messages


def _send(service: Service, messages: list[ImageMessage], *, lane: Literal["live", "backlog"]) -> None:
    try:
        service.producer.append(messages, lane=lane)
    except ArchiveFullError as error:
        raise ProblemError(503, "archive-full", error.problem, headers={"Retry-After": "60"}) from None
    except NotAcceptedError as error:
        raise ProblemError(
            503, "not-accepted", error.problem, headers={"Retry-After": RETRY_AFTER_S}
        ) from None


def _recall(service: Service, key: str | None, digest: str) -> dict[str, Any] | None:
    """Give what was answered to the same request before; two at the same moment are harmless, see the contract."""
    if key is None:
        return None
    stored = service.client.get(service.keys.request(key))
    if stored is None:
        return None
    facts: dict[str, Any] = json.loads(stored)
    if facts["digest"] != digest:
        raise ProblemError(409, "key-used", "this Idempotency-Key was sent with other images")
    answer: dict[str, Any] = facts["answer"]
    return answer


def _remember(service: Service, key: str | None, digest: str, answered: dict[str, Any]) -> None:
    if key is not None:
        value = json.dumps({"digest": digest, "answer": answered})
        service.client.set(service.keys.request(key), value, ex=REMEMBERED_S)
