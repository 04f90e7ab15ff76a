"""A run as a file: written once, verified whenever it is opened, mapped by every process of the machine.

Header (one page): magic, CRC-32 of facts and body's sum, CRC-32 of the body, facts: digest of the seals, rows,
parts. Body: the copies, the starts of the buckets, the rows; little-endian, each at a multiple of 64 bytes.
"""

import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.indexing.parts import Parts
from worker.indexing.sorted_run import RunArrays, array_sizes, choose_parts, keep_first_rows, sort_copies

MAGIC = b"LKLKRUN1"
_PAGE = 4096
_ALIGN = 64
_SUMS = struct.Struct("<II")
_FACTS = struct.Struct("<40sQQQ4B")
_FACTS_BEGIN = len(MAGIC) + _SUMS.size


class RunFileError(Exception):
    """Raised when a file is not the whole, unchanged run that its name promises; it is to be built again."""


def write_run(  # noqa: PLR0913  # it writes a run: these are its parts
    path: Path,
    hashes: NDArray[np.uint64],
    rows: NDArray[np.uint32],
    *,
    digest: str,
    first_row: int,
    end_row: int,
) -> None:
    """Build the run of these hashes, `rows` counted from `first_row`, and bring it to the disk.

    Needs 28 bytes of memory a hash meanwhile. `path` is a temporary name: the caller renames the whole file.
    Written, not mapped: only so does the page cache hold it in large pages (decision 0012).
    """
    hashes, rows = keep_first_rows(hashes, rows)
    parts = choose_parts(len(hashes))
    facts = _FACTS.pack(digest.encode(), first_row, end_row, len(hashes), *(*parts.bits, 0)[:4])
    facts = facts.ljust(_PAGE - _FACTS_BEGIN, b"\0")
    body_sum = 0
    with path.open("wb") as file:
        file.seek(_PAGE)
        for chunk in _body(parts, hashes, rows):
            body_sum = zlib.crc32(chunk, body_sum)
            file.write(chunk)
        file.seek(0)
        file.write(MAGIC + _SUMS.pack(zlib.crc32(facts, body_sum), body_sum) + facts)
        file.flush()
        os.fsync(file.fileno())


def _body(parts: Parts, hashes: NDArray[np.uint64], rows: NDArray[np.uint32]) -> Iterator[memoryview | bytes]:
    """Give the arrays one after the other, each filled up to the alignment."""
    sizes = array_sizes(parts, len(hashes))
    starts = np.empty(sizes.starts, np.uint32)
    for copy in sort_copies(parts, hashes, starts):
        yield copy.data
    yield bytes(-8 * sizes.copies % _ALIGN)
    for array in (starts, rows):
        yield array.data
        yield bytes(-array.nbytes % _ALIGN)


def open_run(path: Path, *, digest: str) -> RunArrays:
    """Map a run after checking header, length and checksums: 0.1 s for ten million hashes.

    Raises:
        FileNotFoundError: There is no such file.
        RunFileError: It is torn, truncated, changed, or another run.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < _PAGE:
            raise RunFileError(f"{path.name} has {size} bytes, not even a header")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header, body = memoryview(mapped)[:_PAGE], memoryview(mapped)[_PAGE:]
    header_sum, body_sum = _SUMS.unpack_from(header, len(MAGIC))
    if header[: len(MAGIC)] != MAGIC or zlib.crc32(header[_FACTS_BEGIN:], body_sum) != header_sum:
        raise RunFileError(f"{path.name} has no header of a run")
    seen, first_row, end_row, distinct, *bits = _FACTS.unpack_from(header, _FACTS_BEGIN)
    if seen != digest.encode():
        raise RunFileError(f"{path.name} holds another run")
    parts = Parts(tuple(filter(None, bits)))
    expected = sum(_padded_lengths(parts, distinct))
    if len(body) != expected:
        raise RunFileError(f"{path.name} has {size} bytes, {expected + _PAGE} expected")
    if zlib.crc32(body) != body_sum:
        raise RunFileError(f"{path.name} was changed: its checksum differs")
    return _arrays(mapped, parts, first_row, end_row, distinct)


def _padded_lengths(parts: Parts, distinct: int) -> list[int]:
    """Bytes of each array, rounded up to the alignment."""
    sizes = array_sizes(parts, distinct)
    return [-(-length // _ALIGN) * _ALIGN for length in (8 * sizes.copies, 4 * sizes.starts, 4 * sizes.rows)]


def _arrays(mapped: mmap.mmap, parts: Parts, first_row: int, end_row: int, distinct: int) -> RunArrays:
    sizes = array_sizes(parts, distinct)
    copies_length, starts_length, _ = _padded_lengths(parts, distinct)
    starts_begin = _PAGE + copies_length
    return RunArrays(
        parts,
        first_row,
        end_row,
        copies=np.frombuffer(mapped, np.uint64, sizes.copies, _PAGE),
        starts=np.frombuffer(mapped, np.uint32, sizes.starts, starts_begin),
        rows=np.frombuffer(mapped, np.uint32, sizes.rows, starts_begin + starts_length),
    )
