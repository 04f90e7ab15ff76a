"""What the parent process of a worker does: opens the archive, sweeps each second, stops its children in good time.

The children are forked from it, so what it loads they share, and a byte of shared memory tells them to stop: they never
hear of a signal that reaches the parent.
"""

import logging
import mmap
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import billiard
from redis.exceptions import AuthenticationError, RedisError

from producer.server import connect
from producer.wording import count
from worker.archive import KnownArchives, Recipe, open_archive
from worker.hashing import golden_hashes, warm_up
from worker.keyspace import Keyspace
from worker.notes import ParentLock, clear_notes, count_draining
from worker.phash import RECIPE
from worker.scripts import Scripts
from worker.server_settings import prepare_server
from worker.settings import Settings
from worker.sweeper import Sweeper
from worker.thumbnail_stores import check_thumbnails

logger = logging.getLogger(__name__)

RECONNECT_S = 1.0
TELL_EVERY_S = 60.0
LOOK_EVERY_S = 0.05
STOP_WITHIN_S = 2.0
"""Seconds after which a stop takes no more account of a decoder that hangs, or of a server that does not answer."""


class Parent:
    """The parent's side of one worker. `is_stopping` is readable in every child."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = Keyspace(settings.archive)
        self._stop_byte = mmap.mmap(-1, 1)
        self.client = connect(settings.redis_url.get_secret_value())
        self.lock = ParentLock(settings.state_dir)
        self.uuid = ""
        self._sweeper: Sweeper | None = None

    def open(self) -> None:
        """Warm up what all children share, and open the archive; waits for its server as long as it takes.

        Raises:
            ConfigurationError: The archive is not the one that this machine may serve, or a setting cannot be used.
        """
        if os.geteuid() == 0:
            sys.stderr.write(
                "lookalike: root decodes what strangers sent here: give this worker its own user\n"
            )
        check_thumbnails(self._settings.thumbnails)
        warm_up()
        recipe = Recipe(RECIPE, golden_hashes())
        known = KnownArchives(self._settings.state_dir)
        told_at = float("-inf")
        while True:
            try:
                prepare_server(self.client)
                self.uuid = open_archive(self.client, keys=self._keys, recipe=recipe, known=known)
            except (RedisError, OSError) as error:
                if time.monotonic() - told_at >= TELL_EVERY_S:
                    refused = (
                        "refuses the password"
                        if isinstance(error, AuthenticationError)
                        else "is not reachable"
                    )
                    logger.warning("the server %s (%s); trying again each second", refused, error)
                    told_at = time.monotonic()
                time.sleep(RECONNECT_S)
            else:
                return

    def start_sweeping(self, *, wake: Callable[[], object], concurrency: int) -> None:
        """Sweep each second from now on; send wake-ups only for a child of our own that has nothing to do."""
        self._sweeper = Sweeper(
            Scripts(self.client, keys=self._keys, uuid=self.uuid),
            keys=self._keys,
            lease_s=self._settings.lease,
            failures_keep=self._settings.failures_keep,
            state_dir=self._settings.state_dir,
            parent=self.lock,
            worker=f"{socket.gethostname()}-{self.lock.name}",
            wake=wake,
            concurrency=concurrency,
        )
        self._sweeper.start()

    def sweep_now(self) -> None:
        """Do not wait for the next second: a child has died, and others may go on with what it held."""
        if self._sweeper is not None:
            self._sweeper.sweep_now()

    def is_stopping(self) -> bool:
        """Tell whether the worker stops; cheap, and true in every child at the same moment."""
        return self._stop_byte[0] != 0

    def begin_stop(self, *, first: Callable[[], object]) -> None:
        """Tell the children to give back what they hold, and end when they have and `first` has been called.

        A second signal ends everything at once.
        """
        self._stop_byte[0] = 1
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end_at_once)
        deadline = threading.Timer(STOP_WITHIN_S, self._end_in_time)
        deadline.daemon = True
        deadline.start()
        threading.Thread(target=self._end_soon, args=(first,), name="stop", daemon=True).start()

    def close(self) -> None:
        """Stop sweeping and let go of the lock: the children have ended."""
        if self._sweeper is not None:
            self._sweeper.stop()
        self.lock.close()
        self.client.close()

    def _end_soon(self, first: Callable[[], object]) -> None:
        # Celery takes seconds to close connections and pools, which need no closing.
        first()
        while self._count_draining():
            time.sleep(LOOK_EVERY_S)
        self._end(0)

    def _count_draining(self) -> int:
        return count_draining(self._settings.state_dir, uuid=self.uuid, parent=self.lock.name)

    def _end_in_time(self) -> None:
        draining = self._count_draining()
        if draining:
            logger.warning(
                "%s did not stop in time: the images held are left to their lease",
                count(draining, "child", "children"),
            )
        self._end(128 + signal.SIGTERM if draining else 0)

    def _end_at_once(self, number: int, _: object) -> None:
        self._end(128 + number)

    def _end(self, status: int) -> None:
        # Nobody shall take a child that is killed here for one that its image has killed.
        clear_notes(self._settings.state_dir, uuid=self.uuid, parent=self.lock.name)
        for process in billiard.active_children():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        # billiard's, where it has one: to ask for it makes one, which an end of Python at this moment would leave.
        temporary = multiprocessing.current_process()._config.get("tempdir")  # type: ignore[attr-defined]  # noqa: SLF001
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        os._exit(status)
