"""The bytes of an entry's image in, its hash out: noted while it lasts, limited in time."""

import logging

from worker.entries import Entry
from worker.errors import ImageError, UnhashableError
from worker.hashing import HashedImage
from worker.limits import decode_limit
from worker.notes import Note
from worker.remembered import RememberedHashes

logger = logging.getLogger(__name__)


FIRST_SHARE = 1 / 4
FIRST_AT_LEAST_S = 1.0


class Decoder:
    """Decodes for one child, in its main thread.

    Here an image gets a quarter of `timeout_s`, 1 s at least: a child that takes longer ends, with others in hand. What
    was only slow has all of `timeout_s` in a process of its own afterwards.
    """

    def __init__(
        self,
        note: Note,
        *,
        hashes: RememberedHashes,
        max_pixels: int,
        timeout_s: float,
    ) -> None:
        self._note = note
        self._hashes = hashes
        self._max_pixels = max_pixels
        self._timeout_s = min(timeout_s, max(FIRST_AT_LEAST_S, FIRST_SHARE * timeout_s))

    def hash(self, entry: Entry, body: bytes) -> HashedImage:
        """Hash `body`.

        Raises:
            PermanentError: The bytes have no hash.
        """
        with self._note.decoding(entry), decode_limit(self._timeout_s):
            try:
                return self._hashes.hash_image(body, max_pixels=self._max_pixels)
            except ImageError:
                raise
            except Exception as error:
                # The one place that must survive any bytes whatever.
                logger.exception("entry %s could not be hashed", entry.id)
                raise UnhashableError(f"{type(error).__name__} while decoding") from error
