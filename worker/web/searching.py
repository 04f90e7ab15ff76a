"""What was typed, dropped or sent in; what to search for out: a hash, or why there is none."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from producer.urls import WEB_SCHEMES, check_url, redact_url
from worker.errors import HttpStatusLaterError, ImageError, RefusedSchemeError, TransientError
from worker.reading.guarded_hashing import BusyError
from worker.web.beside import busy
from worker.web.problems import ProblemError
from worker.web.service import Service

PATIENCE_S = 30.0

_HASH = re.compile(r"(?:0x)?([0-9a-fA-F]{16})")


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for; `picture` is a small one as a `data:` URL, where its bytes were seen."""

    phash: int
    picture: str = ""


def read_hash(text: str) -> int | None:
    """Read 16 hex digits; None where it is something else."""
    found = _HASH.fullmatch(text.strip())
    return int(found[1], 16) if found else None


def query_of_url(service: Service, url: str) -> Query:
    """Download and hash what a URL names, by the rules of a worker.

    Raises:
        ProblemError: It cannot be; `reason` is that of the closed list of failures.
    """
    try:
        check_url(url)
    except ValueError as error:
        raise ProblemError(422, "bad-url", str(error), reason="bad_entry") from None
    if urlsplit(url).scheme.lower() not in WEB_SCHEMES:
        # Files of this machine are for those who may write to the archive, not for those who search it.
        told = f"{redact_url(url)}: its scheme is not one of {', '.join(WEB_SCHEMES)}"
        raise image_problem(RefusedSchemeError(told))
    try:
        body = service.fetcher.fetch(url)
    except ImageError as error:
        raise image_problem(error) from None
    return query_of_file(service, body)


def query_of_file(service: Service, body: bytes) -> Query:
    """Hash the bytes of a file; raises as `query_of_url` does."""
    try:
        seen = service.hashing.hash(body, patience_s=PATIENCE_S)
    except BusyError:
        raise busy() from None
    except ImageError as error:
        raise image_problem(error) from None
    return Query(seen.hashed.phash, f"data:image/webp;base64,{seen.webp}" if seen.webp else "")


def image_problem(error: ImageError) -> ProblemError:
    """Tell why an image cannot be searched for: 502 where its host may deliver it later, else 422."""
    is_later = isinstance(error, TransientError | HttpStatusLaterError)
    return ProblemError(502 if is_later else 422, "no-image", error.detail, reason=error.reason)
