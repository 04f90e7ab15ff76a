"""A file: URL in, the file's bytes out: only under the permitted folders, and no symbolic link out of them."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from producer.urls import redact_url
from worker.errors import EmptyBodyError, MissingFileError, RefusedSchemeError, TooLargeError


def read_file(url: str, *, roots: Sequence[Path], max_bytes: int) -> bytes:
    """Read the file that `url` names.

    Raises:
        RefusedSchemeError: No folder is permitted, or the file is outside of them.
        MissingFileError: There is no such file, or it cannot be read.
        TooLargeError, EmptyBodyError: Its size is beyond the limit, or zero.
    """
    parts = urlsplit(url)
    if not roots:
        raise RefusedSchemeError("file: URLs are not read: LOOKALIKE_FILE_ROOTS is empty")
    if parts.netloc not in {"", "localhost"}:
        raise RefusedSchemeError(f"{redact_url(url)} names a host")
    try:
        # Not strict: what lies outside is answered alike, whether it exists or not.
        path = Path(os.path.realpath(unquote(parts.path)))
        if not any(path.is_relative_to(os.path.realpath(root)) for root in roots):
            raise RefusedSchemeError(f"{redact_url(url)} is outside of LOOKALIKE_FILE_ROOTS")
        # O_NONBLOCK: opening a named pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise MissingFileError(
            f"{redact_url(url)}: {getattr(error, 'strerror', None) or 'no such path'}"
        ) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RefusedSchemeError(f"{redact_url(url)} is not a file")
        with open(descriptor, "rb", closefd=False) as file:  # a descriptor has no path
            body = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(body) > max_bytes:
        raise TooLargeError(f"{redact_url(url)} has more than {max_bytes} bytes")
    if not body:
        raise EmptyBodyError(f"{redact_url(url)} is empty")
    return body
