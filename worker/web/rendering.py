"""Turns what was read into HTML. Everything from strangers is escaped, and only http and https become links."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from producer.urls import redact_url
from worker.reading.telling import thumbnail_path
from worker.web.glance import look_back
from worker.web.problems import ProblemError

BLUR_COOKIE = "blur"
_EXACT = 0
_NEAR = 4
_MIDDLE = 8


def render(request: Request, template: str, **values: Any) -> HTMLResponse:  # noqa: ANN401 - what templates show
    """Give a page."""
    is_blurred = request.cookies.get(BLUR_COOKIE) == "1"
    status = int(values.pop("status_code", 200))
    html = _environment.get_template(template).render(
        path=request.url.path, is_blurred=is_blurred, archive=request.app.state.settings.archive, **values
    )
    return HTMLResponse(html, status_code=status)


def problem_page(request: Request, error: ProblemError) -> HTMLResponse:
    """Tell a problem to a person."""
    title = HTTPStatus(error.status).phrase
    response = render(request, "problem.html", status_code=error.status, title=title, detail=error.detail)
    response.headers.update(error.headers)
    return response


def render_part(template: str, **values: Any) -> str:  # noqa: ANN401 - as above
    """Give a piece of a page."""
    return _environment.get_template(template).render(**values)


def link_of(url: str | None) -> str | None:
    """Give the URL where it may become a link: http and https alone, never `javascript:` or `data:`."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme.lower() in ("http", "https") and parts.netloc else None


def bare(url: str) -> str:
    """Show a URL without the scheme that all have."""
    return url.removeprefix("https://").removeprefix("http://")


def moment(value: str | int | None) -> Markup:
    """Show an RFC 3339 time, or milliseconds since 1970, in UTC; a script shows it in the reader's zone."""
    if not value:
        return Markup("unknown")
    when = (
        datetime.fromisoformat(value)
        if isinstance(value, str)
        else datetime.fromtimestamp(value / 1000, tz=UTC)
    ).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        when.isoformat(timespec="seconds").replace("+00:00", "Z"), when.strftime("%-d %b %Y, %H:%M:%S UTC")
    )


def distance_class(distance: int) -> str:
    """Name the colour of a distance; the text beside it says the same."""
    if distance == _EXACT:
        return "exact"
    return "near" if distance <= _NEAR else "middle" if distance <= _MIDDLE else "far"


def bit_path(phash: str | int) -> str:
    """Draw the set bits of a hash, row by row from the highest, as an SVG path in an 8 x 8 box."""
    bits = phash if isinstance(phash, int) else int(phash, 16)
    return "".join(f"M{at % 8} {at // 8}h1v1h-1z" for at in range(64) if bits >> (63 - at) & 1)


def ticks(text: str) -> Markup:
    """Show what stands between backticks as code."""
    pieces = text.split("`")
    shown = [
        Markup("<code>{}</code>").format(piece) if at % 2 else escape(piece)
        for at, piece in enumerate(pieces)
    ]
    return Markup("").join(shown)


def with_query(path: str, given: Mapping[str, object], **changes: object) -> str:
    """Give a path with a query of all values that are not empty."""
    values = {name: value for name, value in {**given, **changes}.items() if value not in (None, "")}
    return f"{path}?{urlencode(values)}" if values else path


_environment = Environment(
    loader=PackageLoader("worker.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    bare=bare,
    bits=bit_path,
    distance_class=distance_class,
    link=link_of,
    moment=moment,
    redact=redact_url,
    thumbnail=thumbnail_path,
    ticks=ticks,
)
_environment.globals.update(look_back=look_back, with_query=with_query)
