"""The folder of an archive's index files, shared by all processes of a machine, of which some may only read it.

`<begin>-<end>-<digest>.run` is a run, named by its segments and the digest of their seals; `<seal>.segment` a full
segment that no run covers yet, named by the SHA-1 of its content; `lock` is held by whoever builds. Any file may be
deleted at any time.
"""

import hashlib
import logging
import mmap
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.indexing.levels import RunName, Span, name_run
from worker.indexing.run_file import RunFileError, open_run
from worker.indexing.sorted_run import SortedRun

_RUN_FILE = re.compile(r"(\d{1,9})-(\d{1,9})-([0-9a-f]{40})\.run")
_logger = logging.getLogger(__name__)


def compute_seal(hashes: NDArray[np.uint64]) -> bytes:
    """Compute the SHA-1 of rows as the log holds them, big-endian."""
    return hashlib.sha1(hashes.byteswap().data, usedforsecurity=False).hexdigest().encode()


class IndexCache:
    """The files of one archive; what cannot be read or is not what its name says counts as missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def is_read_only(self) -> bool:
        """Whether others write the files and this process may only map them."""
        there = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        return not os.access(there, os.W_OK)

    def run_path(self, name: RunName) -> Path:
        """Name the file of a run."""
        return self.folder / f"{name.span.begin}-{name.span.end}-{name.digest}.run"

    def list_runs(self, seals: Sequence[bytes]) -> list[RunName]:
        """List the runs over segments that have these seals."""
        try:
            found = [_RUN_FILE.fullmatch(path.name) for path in self.folder.iterdir()]
        except OSError:
            return []
        names = [RunName(Span(int(match[1]), int(match[2])), match[3]) for match in found if match]
        return [name for name in names if name.span.end <= len(seals) and name == name_run(seals, name.span)]

    def segment_path(self, seal: bytes) -> Path:
        """Name the file of a full segment."""
        return self.folder / f"{seal.decode()}.segment"

    def open_run(self, name: RunName) -> SortedRun | None:
        """Map a run, or delete what is not one."""
        path = self.run_path(name)
        try:
            return SortedRun(open_run(path, digest=name.digest))
        except FileNotFoundError:
            return None
        except (RunFileError, OSError) as error:
            _logger.warning("index: %s; it is built again", error)
            self._delete(path)
            return None

    def open_segment(self, seal: bytes) -> NDArray[np.uint64] | None:
        """Map the rows of a full segment, or delete what they are not."""
        path = self.segment_path(seal)
        try:
            with path.open("rb") as file:
                hashes = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint64)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            hashes = None
        if hashes is None or compute_seal(hashes) != seal:
            _logger.warning("index: %s is not the segment of its name; it is read again", path.name)
            self._delete(path)
            return None
        return hashes

    def write_segment(self, seal: bytes, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Share a full segment with other processes; give its mapped rows, or `hashes` if that fails."""
        if self.is_read_only:
            return hashes
        path = self.segment_path(seal)
        # Process ids are not enough: containers that share the folder have the same ones.
        temporary = path.with_suffix(f".{secrets.token_hex(6)}.part")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                temporary.write_bytes(hashes.data)
                temporary.rename(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            _logger.warning("index: %s; the segment stays in the memory of this process", error)
            return hashes
        mapped = self.open_segment(seal)
        return hashes if mapped is None else mapped

    @staticmethod
    def _delete(path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _logger.warning("index: %s", error)
