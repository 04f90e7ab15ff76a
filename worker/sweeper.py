"""What must happen though no image moves: retries that are due, dead children, entries that nobody was woken for.

A thread in the parent of every worker does it each second, and `drain` does the first part of it too. Everything is
idempotent and uses the server's clock, so any number of sweepers may run.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from redis.exceptions import RedisError

from producer.names import LANES
from producer.wording import count
from worker.entries import Entry, read_history, read_message
from worker.errors import ArchiveMissingError, BadEntryError
from worker.keyspace import Keyspace
from worker.notes import DeadChild, Decoding, ParentLock, count_draining, dead_children
from worker.ownership import Ownership
from worker.scripts import Scripts

logger = logging.getLogger(__name__)

EVERY_S = 1.0
DEATHS_ALLOWED = 5
"""Deaths after which an image is not tried again. The first makes it a suspect: tried in a process of its own."""

RETRY_AFTER_DEATH_S = 1.0
_RETRIES_A_SWEEP = 500
_FORGET_WORKER_MS = 30_000
_FORGET_CONSUMER_MS = 60_000


def sweep_archive(scripts: Scripts, *, keys: Keyspace, lease_s: float, worker: str = "") -> bool:
    """Return due retries to their lane and tell whether entries wait for somebody; `worker` is noted as alive."""
    reply = scripts.call(
        "sweep",
        [keys.delayed, keys.workers, keys.stream("retry"), keys.stream("live"), keys.stream("backlog")],
        [
            int(lease_s * 1000),
            _RETRIES_A_SWEEP,
            max(_FORGET_CONSUMER_MS, int(lease_s * 2000)),
            worker,
            _FORGET_WORKER_MS,
        ],
    )
    return bool(reply[1]) or reply[2] > 0


class Sweeper:
    """The sweeps of one worker's parent process."""

    def __init__(  # noqa: PLR0913 - built in one place
        self,
        scripts: Scripts,
        *,
        keys: Keyspace,
        lease_s: float,
        failures_keep: int,
        state_dir: Path,
        parent: ParentLock,
        worker: str,
        wake: Callable[[], object],
        concurrency: int,
    ) -> None:
        self._scripts = scripts
        self._keys = keys
        self._lease_s = lease_s
        self._failures_keep = failures_keep
        self._state_dir = state_dir
        self._parent = parent
        self._worker = worker
        self._wake = wake
        self._concurrency = concurrency
        self._complained: str | None = None
        self._stop = threading.Event()
        self._due = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Sweep each second from a thread of its own, which goes on while Celery waits for its broker."""
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the sweep under way; the worker is forgotten."""
        self._stop.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def sweep_now(self) -> None:
        """Let the thread sweep at once."""
        self._due.set()

    def sweep(self) -> None:
        """Do one sweep."""
        uuid = self._scripts.uuid
        with dead_children(self._state_dir, uuid=uuid, parent=self._parent.name) as dead:
            for child in dead:
                self.bury(child)
        waits = sweep_archive(self._scripts, keys=self._keys, lease_s=self._lease_s, worker=self._worker)
        if waits and count_draining(self._state_dir, uuid=uuid, parent=self._parent.name) < self._concurrency:
            self._wake()
        self._parent.beat()

    def bury(self, child: DeadChild) -> None:
        """Charge the entry that a dead child was decoding, and that alone; free its others at once.

        What was tried beside it is charged where the child decoded nothing, and where all died together.
        """
        for decoding in child.decoding[: 1 if child.parent_lives else None]:
            self._charge(child, decoding)
        streams = [self._keys.stream(lane) for lane in LANES]
        freed = self._scripts.call("bury", streams, [child.consumer, int(self._lease_s * 1000)])[1]
        if freed:
            logger.warning("child %s has ended and left %s to others", child.consumer, count(freed, "image"))

    def _charge(self, child: DeadChild, decoding: Decoding) -> None:
        rows = self._scripts.range(decoding.stream, decoding.entry_id)
        if not rows:
            return
        entry = Entry(decoding.lane, decoding.stream, decoding.entry_id, decoding.delivery, rows)
        ownership = Ownership(self._scripts, keys=self._keys, consumer=child.consumer, lease_s=self._lease_s)
        try:
            history = read_history(entry)
            image_id = read_message(entry).image_id
        except BadEntryError:
            return
        deaths = history.deaths + 1
        if deaths < DEATHS_ALLOWED:
            ownership.retry(entry, delay_s=RETRY_AFTER_DEATH_S, attempts=history.attempts, deaths=deaths)
            return
        ownership.fail(
            entry,
            image_id=image_id,
            reason="worker_died",
            detail=f"{deaths} processes died while they decoded it",
            attempts=history.attempts,
            keep=self._failures_keep,
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            self._due.wait(EVERY_S)
            self._due.clear()
            if self._stop.is_set():
                return
            try:
                self.sweep()
            except (RedisError, OSError, ArchiveMissingError) as error:
                told = f"{type(error).__name__}: {error}"
                if told != self._complained:
                    logger.error("sweeping waits: %s", told)  # noqa: TRY400 - the cause is the server, not this line
                self._complained = told
            except Exception:
                # A thread that ended here would take retries, burials and wake-ups with it.
                logger.exception("a sweep failed")
            else:
                if self._complained:
                    logger.warning("sweeping goes on")
                self._complained = None
