"""Small pictures to look at: written by the worker while it holds the decoded image, read by the page.

Each is named by the SHA-256 of the image's own bytes, so it is written once and never changes.
"""

import logging
from collections.abc import Callable
from io import BytesIO
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from PIL import Image, ImageOps

from worker.errors import ConfigurationError

SIDE = 256
"""Pixels of the longer side."""

QUALITY = 75
EFFORT = 2
"""Of WebP's 0 to 6: 5 ms of CPU a thumbnail instead of 8 with 4, for 4 % more bytes (mean of the demo images)."""

_ORIENTATION = 0x0112
_COMPLAIN_EVERY_S = 60.0

logger = logging.getLogger(__name__)


class Thumbnails(Protocol):
    """Keeps thumbnails by the digest of the image's bytes."""

    def write(self, sha256: bytes, webp: bytes) -> None:
        """Keep one; OSError where it cannot be."""

    def read(self, sha256: bytes) -> bytes | None:
        """Give one, or None where there is none."""


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


def thumbnail_keeper(url: str) -> Callable[[Image.Image, bytes], None] | None:
    """Give what a worker calls with each decoded image and its digest; None where LOOKALIKE_THUMBNAILS is empty.

    It raises nothing: an image is never lost for its thumbnail. Trouble is logged once a minute.
    """
    thumbnails = open_thumbnails(url)
    if thumbnails is None:
        return None
    complained_at = float("-inf")

    def keep(image: Image.Image, sha256: bytes) -> None:
        nonlocal complained_at
        try:
            thumbnails.write(sha256, make_thumbnail(image, side=SIDE))
        except (ValueError, OSError, MemoryError) as error:
            if monotonic() - complained_at >= _COMPLAIN_EVERY_S:
                complained_at = monotonic()
                logger.warning("no thumbnail: %s", type(error).__name__)

    return keep


class FolderThumbnails:
    """Thumbnails as files below a folder, `ab/cd/<sha256>.webp`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, sha256: bytes, webp: bytes) -> None:
        """Keep one: under a temporary name first, so that nobody reads half of it."""
        path = self._folder / _name(sha256)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        early = path.with_name(f".{uuid4().hex}")
        try:
            early.write_bytes(webp)
            early.replace(path)
        except OSError:
            early.unlink(missing_ok=True)
            raise

    def read(self, sha256: bytes) -> bytes | None:
        """Give one, or None where there is none."""
        try:
            return (self._folder / _name(sha256)).read_bytes()
        except FileNotFoundError:
            return None


class RemoteThumbnails:
    """Thumbnails in a store that fsspec knows, such as `s3://bucket/prefix`."""

    def __init__(self, file_system: Any, root: str) -> None:  # noqa: ANN401 - fsspec has no types
        self._file_system = file_system
        self._root = root.rstrip("/")

    def write(self, sha256: bytes, webp: bytes) -> None:
        """Keep one; OSError where it cannot be."""
        self._file_system.pipe_file(f"{self._root}/{_name(sha256)}", webp)

    def read(self, sha256: bytes) -> bytes | None:
        """Give one, or None where there is none."""
        try:
            return bytes(self._file_system.cat_file(f"{self._root}/{_name(sha256)}"))
        except FileNotFoundError:
            return None


def open_thumbnails(url: str) -> Thumbnails | None:
    """Give the store that LOOKALIKE_THUMBNAILS names; None where it is empty.

    Raises:
        ConfigurationError: The URL cannot be used, or what it needs is not installed.
    """
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise ConfigurationError("LOOKALIKE_THUMBNAILS: a folder is written file:///absolute/path")
        return FolderThumbnails(Path(unquote(parts.path)))
    try:
        import fsspec  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError(f"LOOKALIKE_THUMBNAILS: {parts.scheme}:// needs fsspec") from None
    try:
        file_system, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"LOOKALIKE_THUMBNAILS: {error}") from None
    return RemoteThumbnails(file_system, root)


def _name(sha256: bytes) -> PurePosixPath:
    digest = sha256.hex()
    return PurePosixPath(digest[:2], digest[2:4], f"{digest}.webp")
