"""Where bytes come from: a file, packed or not, or a pipe."""

import bz2
import gzip
import importlib
import os
import re
import select
import sys
import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import IO, BinaryIO, cast

CHUNK_BYTES = 1 << 18
PACKED = (".gz", ".bz2", ".zst")

_NO_TEXT = re.compile(rb"PAR1[\x00-\x08\x0e-\x1f]|\x1f\x8b|BZh[1-9]1AY&SY|\x28\xb5\x2f\xfd")
"""How Parquet (its first page's header follows), gzip, bzip2 and zstandard begin."""


class BrokenFileError(ValueError):
    """Raised when a file ends or cannot be read in its middle."""


def check_unpacking(suffix: str) -> None:
    """Raise ValueError with the remedy where a file of this suffix cannot be unpacked here."""
    if suffix == ".zst":
        _load_zstd()


def unpack(raw: BinaryIO, suffix: str) -> IO[bytes]:
    """Open a file that is packed as its suffix says: .gz, .bz2 or .zst; others are given as they are.

    Raises:
        ValueError: There is no zstandard here: neither Python 3.14 nor the package backports.zstd.
    """
    match suffix:
        case ".gz":
            return cast("IO[bytes]", gzip.open(raw))
        case ".bz2":
            return cast("IO[bytes]", bz2.open(raw))
        case ".zst":
            return cast("IO[bytes]", _load_zstd().open(raw))
        case _:
            return raw


def read_file(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of a file.

    Raises:
        BrokenFileError: It is packed and broken or cut off, or its disk fails.
    """
    broken: tuple[type[Exception], ...] = (EOFError, OSError, zlib.error, *_zstd_errors())
    while True:
        try:
            chunk = file.read(CHUNK_BYTES)
        except broken as error:
            raise BrokenFileError(f"broken or cut off: {error}") from error
        if not chunk:
            return
        yield chunk


def _load_zstd() -> ModuleType:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ValueError("a .zst file needs backports.zstd: pip install 'lookalike[zst]'") from None


def _zstd_errors() -> tuple[type[Exception], ...]:
    """Give zstandard's own class of errors, where it has been loaded."""
    module = sys.modules.get("compression.zstd") or sys.modules.get("backports.zstd")
    return (module.ZstdError,) if module else ()


def read_pipe(descriptor: int) -> Iterator[bytes | None]:
    """Yield what arrives, as soon as it does; None before waiting for more.

    Raises:
        BrokenFileError: It begins as no text does.
    """
    is_first = True
    while True:
        if not select.select([descriptor], [], [], 0)[0]:
            yield None
        chunk = os.read(descriptor, CHUNK_BYTES)
        if not chunk:
            return
        if is_first and _NO_TEXT.match(chunk):
            raise BrokenFileError("Parquet, or packed: name the file instead of a pipe, or unpack it first")
        is_first = False
        yield chunk
