"""Builds the application: pages, API, their guard, and the one place where errors become answers."""

import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.staticfiles import StaticFiles

from producer import ImageMessage
from producer.server import connect_async
from worker.errors import ArchiveMissingError, ConfigurationError
from worker.settings import Settings
from worker.thumbnail_stores import check_thumbnails
from worker.web import pages
from worker.web.api import alerts, clusters, failures, health, images, search, stats
from worker.web.beside import Beside
from worker.web.fan_out import FanOut
from worker.web.guard import FORM_BYTES, LOOPBACK_NAMES, Guard
from worker.web.problems import ProblemError, problem_response
from worker.web.rendering import problem_page
from worker.web.request_counts import Counting, RequestCounts
from worker.web.sampling import Sampler
from worker.web.service import Service
from worker.web.shapes import Problem
from worker.web.tokens import read_tokens

logger = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
STATIC = files("worker") / "web" / "static"
API_VERSION = "1"


def make_app(settings: Settings) -> FastAPI:
    """Give the application.

    Raises:
        ConfigurationError: It would listen beyond loopback without tokens, or the file of tokens or the
            store of thumbnails cannot be used.
    """
    if settings.api_tokens_file is None and settings.web_host not in LOOPBACK:
        raise ConfigurationError(
            f"LOOKALIKE_WEB_HOST is {settings.web_host}: beyond loopback LOOKALIKE_API_TOKENS_FILE is needed"
        )
    check_thumbnails(settings.thumbnails)
    tokens = read_tokens(settings.api_tokens_file) if settings.api_tokens_file is not None else None
    names = set(settings.web_names)
    if tokens is None or names:
        # Whoever names loopback is on this machine: a health check, or a person.
        names |= LOOPBACK_NAMES

    app = FastAPI(
        title="Lookalike",
        version=API_VERSION,
        summary="What an archive of images has seen before, and what looks like it.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        lifespan=_lifespan,
        # It would lead to whatever host the request names.
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.settings = settings
    for module in (images, search, clusters, alerts, failures, stats, health):
        app.include_router(module.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=str(STATIC)), name="static")
    app.add_middleware(Guard, tokens=tokens, names=names, body_bytes=settings.max_bytes + FORM_BYTES)
    app.state.counts = RequestCounts()
    app.add_middleware(Counting, counts=app.state.counts)
    _handle_errors(app)
    _describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    app.state.service = Service(settings)
    app.state.beside = Beside()
    client = connect_async(settings.redis_url.get_secret_value())
    app.state.fan_out = FanOut(client, stream=app.state.service.keys.alerts)
    app.state.fan_out.start()
    app.state.sampler = Sampler(app.state.service.client, keys=app.state.service.keys)
    app.state.sampler.start()
    try:
        yield
    finally:
        await app.state.sampler.close()
        await app.state.fan_out.close()
        app.state.service.close()


def _handle_errors(app: FastAPI) -> None:
    """Turn what was raised into a problem; as a page where a browser asked."""

    def tell(request: Request, error: ProblemError) -> Response:
        is_page = not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")
        return problem_page(request, error) if is_page else problem_response(error)

    @app.exception_handler(ProblemError)
    def _(request: Request, error: ProblemError) -> Response:
        return tell(request, error)

    @app.exception_handler(RequestValidationError)
    def _(request: Request, error: RequestValidationError) -> Response:
        wrong = [
            {"where": ".".join(str(part) for part in problem["loc"]), "what": problem["msg"]}
            for problem in error.errors()
        ]
        told = "; ".join(f"{problem['where']}: {problem['what']}" for problem in wrong)
        return tell(request, ProblemError(422, "bad-request", told, errors=wrong))

    @app.exception_handler(HTTPException)
    def _(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # Starlette names the methods of the first route with this path, not of all.
            headers["Allow"] = ", ".join(sorted(_methods(request)))
        problem = ProblemError(error.status_code, "http", str(error.detail), headers=headers)
        return tell(request, problem)

    @app.exception_handler(ArchiveMissingError)
    def _(request: Request, error: ArchiveMissingError) -> Response:
        request.app.state.service.forget_archive()
        return tell(request, ProblemError(503, "no-archive", str(error), headers={"Retry-After": "5"}))

    @app.exception_handler(RedisError)
    def _(request: Request, error: RedisError) -> Response:
        logger.warning("the archive's server does not answer: %s", type(error).__name__)
        told = "the archive's server does not answer"
        return tell(request, ProblemError(503, "server-away", told, headers={"Retry-After": "5"}))


def _methods(request: Request) -> set[str]:
    """Give the methods that the routes of this path take."""
    methods: set[str] = set()
    for route in _routes(request.app.routes):
        if route.matches(request.scope)[0] != Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    # The files below /static are a mount, which names none.
    return methods or {"GET", "HEAD"}


def _routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Give all routes, those of included routers too; these hold their prefix themselves."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _routes(included.routes)


def _describe(app: FastAPI) -> None:
    """Complete what FastAPI derives: the schema of problems, the two ways to send a token."""
    derive = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = derive()
            schemas = schema["components"]["schemas"]
            schemas["Problem"] = Problem.model_json_schema()
            schemas["ImageMessage"] = ImageMessage.model_json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schema["components"]["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Any name, the token as password",
                },
            }
            schema["security"] = [{"bearer": []}, {"basic": []}, {}]
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it
