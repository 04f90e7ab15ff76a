"""The bytes of an entry's image in, its hash out: noted while it lasts, limited in time, a suspect's apart."""

import logging
from collections.abc import Callable

from worker.entries import Entry
from worker.errors import ImageError, UnhashableError
from worker.hashing import HashedImage
from worker.limits import decode_limit
from worker.notes import Note
from worker.remembered import RememberedHashes
from worker.suspects import hash_apart

logger = logging.getLogger(__name__)


class Decoder:
    """Decodes for one child, in its main thread."""

    def __init__(
        self,
        note: Note,
        *,
        hashes: RememberedHashes,
        max_pixels: int,
        timeout_s: float,
        stopping: Callable[[], bool],
    ) -> None:
        self._note = note
        self._hashes = hashes
        self._max_pixels = max_pixels
        self._timeout_s = timeout_s
        self._stopping = stopping

    def hash(self, entry: Entry, body: bytes, *, deaths: int) -> HashedImage:
        """Hash `body`; an image under which a process died before is tried in a process of its own.

        Raises:
            PermanentError: The bytes have no hash, or end whatever process decodes them.
            TransientError: A suspect could not be tried.
            StoppedError: The worker stops before a suspect has been decoded.
        """
        if deaths:
            return hash_apart(
                body,
                max_pixels=self._max_pixels,
                timeout_s=self._timeout_s,
                decoding=self._note.decoding(entry),
                stopping=self._stopping,
            )
        with self._note.decoding(entry), decode_limit(self._timeout_s):
            try:
                return self._hashes.hash_image(body, max_pixels=self._max_pixels)
            except ImageError:
                raise
            except Exception as error:
                # The one place that must survive any bytes whatever.
                logger.exception("entry %s could not be hashed", entry.id)
                raise UnhashableError(f"{type(error).__name__} while decoding") from error
