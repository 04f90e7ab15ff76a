"""Starts the process that builds runs, and watches it."""

import fcntl
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from worker.indexing.index_cache import IndexCache

_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 300.0
_END_S = 5.0
_logger = logging.getLogger(__name__)


class Building:
    """At most one building process: of this machine by a lock on a file, which that process inherits."""

    def __init__(self, cache: IndexCache) -> None:
        self._cache = cache
        self._process: subprocess.Popen[bytes] | None = None
        self._begun_s = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._not_before_s = 0.0

    def is_possible(self) -> bool:
        """Whether this process has none running, nor one that failed a moment ago."""
        self._look()
        return self._process is None and time.monotonic() >= self._not_before_s

    def start(self, seals: Sequence[bytes]) -> None:
        """Start building the runs over these segments, unless another process of the machine does so."""
        try:
            lock = os.open(self._cache.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._fail(str(error))
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "worker.indexing.run_builder"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
                pass_fds=[lock],
            )
            self._begun_s = time.monotonic()
            job = {"folder": str(self._cache.folder), "seals": [seal.decode() for seal in seals]}
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(job).encode() + b"\n")
                self._process.stdin.flush()
        except BlockingIOError:
            pass
        except OSError as error:
            self._fail(str(error))
        else:
            _logger.info("index: building the runs over %d segments", len(seals))
        finally:
            os.close(lock)

    def close(self) -> None:
        """End the process; what it had not finished is begun again by another."""
        if self._process is not None:
            self._process.terminate()
            self._reap(self._process)

    def _look(self) -> None:
        if self._process is None or self._process.poll() is None:
            return
        status, told = self._reap(self._process)
        if status:
            self._fail(told or f"status {status}")
        else:
            self._pause_s = _FIRST_PAUSE_S
            _logger.info("index: built in %.1f s", time.monotonic() - self._begun_s)

    def _reap(self, process: subprocess.Popen[bytes]) -> tuple[int, str]:
        self._process = None
        try:
            _, told = process.communicate(timeout=_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, told = process.communicate()
        return process.returncode, told.decode(errors="replace").strip()[-500:]

    def _fail(self, reason: str) -> None:
        self._not_before_s = time.monotonic() + self._pause_s
        _logger.warning("index: building failed, again in %.0f s: %s", self._pause_s, reason)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
