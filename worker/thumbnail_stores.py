"""Where thumbnails lie: a folder, or whatever fsspec knows, such as S3 (the extra `s3`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from worker.errors import ConfigurationError

_PATIENT = {"connect_timeout": 5, "read_timeout": 10, "retries": {"max_attempts": 2}}
"""What botocore may wait for: its own defaults let a thread hang for minutes."""


class Thumbnails(Protocol):
    """Keeps thumbnails by the digest of the image's bytes."""

    def write(self, sha256: bytes, webp: bytes) -> None:
        """Keep one; OSError where it cannot be."""

    def read(self, sha256: bytes) -> bytes | None:
        """Give one, or None where there is none."""


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
    """Thumbnails in a store that fsspec knows, such as `s3://bucket/prefix`. Safe to use from several threads."""

    def __init__(self, file_system: Any, root: str) -> None:  # noqa: ANN401 - fsspec has no types
        self._file_system = file_system
        self._root = root.rstrip("/")

    def write(self, sha256: bytes, webp: bytes) -> None:
        """Keep one; OSError where it cannot be."""
        with _as_os_error():
            self._file_system.pipe_file(f"{self._root}/{_name(sha256)}", webp)

    def read(self, sha256: bytes) -> bytes | None:
        """Give one, or None where there is none; OSError where the store does not answer."""
        try:
            with _as_os_error():
                return bytes(self._file_system.cat_file(f"{self._root}/{_name(sha256)}"))
        except FileNotFoundError:
            return None


def check_thumbnails(url: str) -> None:
    """Raise what `open_thumbnails` would, and start nothing: for a process that will fork."""
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        open_thumbnails(url)
    else:
        _find_file_system(parts.scheme)


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
    _find_file_system(parts.scheme)
    options = {"config_kwargs": _PATIENT} if parts.scheme in ("s3", "s3a") else {}
    import fsspec  # noqa: PLC0415 - an extra, which was found above

    try:
        opened, root = fsspec.core.url_to_fs(url, **options)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"LOOKALIKE_THUMBNAILS: {error}") from None
    return RemoteThumbnails(opened, root)


def _find_file_system(scheme: str) -> Any:  # noqa: ANN401 - fsspec has no types
    if not scheme:
        raise ConfigurationError("LOOKALIKE_THUMBNAILS: a folder is written file:///absolute/path")
    try:
        import fsspec  # noqa: PLC0415 - an extra

        return fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        extra = ": install the extra lookalike[s3]" if scheme in ("s3", "s3a") else f" fsspec ({error})"
        raise ConfigurationError(f"LOOKALIKE_THUMBNAILS: {scheme}:// needs more{extra}") from None
    except ValueError as error:
        raise ConfigurationError(f"LOOKALIKE_THUMBNAILS: {error}") from None


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Turn what a store's library raises, whatever it is, into OSError; without its text, which may hold URLs."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"the store does not answer ({type(error).__name__})") from error


def _name(sha256: bytes) -> PurePosixPath:
    digest = sha256.hex()
    return PurePosixPath(digest[:2], digest[2:4], f"{digest}.webp")
