"""What was typed, dropped or sent in; what to search for out: a hash, or why there is none."""

import base64
import re
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from producer.urls import check_url
from worker.errors import HttpStatusLaterError, ImageError, TransientError
from worker.reading.lookup import Lookup
from worker.thumbnails import SIDE, make_thumbnail
from worker.web.problems import ProblemError

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


def query_of_url(lookup: Lookup, url: str) -> Query:
    """Download and hash what a URL names, by the rules of a worker.

    Raises:
        ProblemError: It cannot be; `reason` is that of the closed list of failures.
    """
    try:
        check_url(url)
    except ValueError as error:
        raise ProblemError(422, "bad-url", str(error), reason="bad_entry") from None
    try:
        return _query(lookup, lookup.download(url))
    except ImageError as error:
        raise image_problem(error) from None


def query_of_file(lookup: Lookup, body: bytes) -> Query:
    """Hash the bytes of a file; raises as `query_of_url` does."""
    try:
        return _query(lookup, body)
    except ImageError as error:
        raise image_problem(error) from None


def image_problem(error: ImageError) -> ProblemError:
    """Tell why an image cannot be searched for: 502 where its host may deliver it later, else 422."""
    is_later = isinstance(error, TransientError | HttpStatusLaterError)
    return ProblemError(502 if is_later else 422, "no-image", error.detail, reason=error.reason)


def _query(lookup: Lookup, body: bytes) -> Query:
    pictures: list[str] = []

    def look(image: Image.Image, _: bytes) -> None:
        # A picture that cannot be shown is found all the same.
        with suppress(ValueError, OSError, MemoryError):
            pictures.append(base64.b64encode(make_thumbnail(image, side=SIDE)).decode())

    phash = lookup.hash_body(body, look=look).phash
    return Query(phash, f"data:image/webp;base64,{pictures[0]}" if pictures else "")
