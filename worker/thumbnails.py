"""Small pictures to look at: made by the worker while it holds the decoded image, kept in a store, read by the page.

Each is named by the SHA-256 of the image's own bytes, so it is written once and never changes.
"""

import logging
import threading
from io import BytesIO
from time import monotonic

from PIL import Image, ImageOps

from worker.fetching.side_threads import SideThreads
from worker.thumbnail_stores import RemoteThumbnails, Thumbnails

SIDE = 256
"""Pixels of the longer side."""

QUALITY = 75
EFFORT = 2
"""Of WebP's 0 to 6: 5 ms of CPU a thumbnail instead of 8 with 4, for 4 % more bytes (mean of the demo images)."""

WRITERS = 8
PENDING = 256
"""Thumbnails that wait for a remote store, 6 kB each: beyond, they are dropped, since no image waits for them."""

FLUSH_S = 1.0
"""A stop gives what waits for a remote store so long: less than a worker has for all of its stop."""

_ORIENTATION = 0x0112
_COMPLAIN_EVERY_S = 60.0

logger = logging.getLogger(__name__)


def make_thumbnail(image: Image.Image, *, side: int) -> bytes:
    """Shrink a loaded image to fit into `side` x `side` pixels, turned as its camera meant it; give it as WebP.

    Raises:
        ValueError, OSError, MemoryError: Pillow cannot.
    """
    has_alpha = "A" in image.mode or "transparency" in image.info
    turned = image.getexif().get(_ORIENTATION, 1) if image.format == "JPEG" else 1
    if max(image.size) > side * 4:
        image = image.reduce(max(image.size) // (side * 2))
    small = image.convert("RGBA" if has_alpha else "RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    if turned != 1:
        small.getexif()[_ORIENTATION] = turned
        small = ImageOps.exif_transpose(small)
    target = BytesIO()
    small.save(target, "WEBP", quality=QUALITY, method=EFFORT, exif=b"", icc_profile=b"")
    return target.getvalue()


class ThumbnailKeeper:
    """What a worker calls with each decoded image and its digest. It raises nothing: no image is lost for it.

    A folder is written at once; a remote store by threads of its own, and dropped where it is too slow. Trouble is
    logged once a minute.
    """

    def __init__(self, store: Thumbnails) -> None:
        self._store = store
        self._threads = SideThreads(WRITERS) if isinstance(store, RemoteThumbnails) else None
        self._pending = 0
        self._changed = threading.Condition()
        self._complained_at = float("-inf")

    def keep(self, image: Image.Image, sha256: bytes) -> None:
        """Make a thumbnail, and keep it."""
        try:
            webp = make_thumbnail(image, side=SIDE)
        except (ValueError, OSError, MemoryError) as error:
            self._complain(type(error).__name__)
            return
        if self._threads is None:
            self._write(sha256, webp)
            return
        with self._changed:
            is_full = self._pending >= PENDING
            self._pending += not is_full
        if is_full:
            self._complain("the store is too slow")
            return
        try:
            self._threads.run(lambda: self._write_pending(sha256, webp))
        except RuntimeError as error:
            self._done()
            self._complain(str(error))

    def flush(self) -> None:
        """Give what waits for a remote store a second."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pending, timeout=FLUSH_S)

    def _write_pending(self, sha256: bytes, webp: bytes) -> None:
        try:
            self._write(sha256, webp)
        finally:
            self._done()

    def _done(self) -> None:
        with self._changed:
            self._pending -= 1
            self._changed.notify_all()

    def _write(self, sha256: bytes, webp: bytes) -> None:
        try:
            self._store.write(sha256, webp)
        except (OSError, MemoryError) as error:
            self._complain(f"{type(error).__name__}: {error}")

    def _complain(self, told: str) -> None:
        if monotonic() - self._complained_at >= _COMPLAIN_EVERY_S:
            self._complained_at = monotonic()
            logger.warning("no thumbnail: %s", told)
