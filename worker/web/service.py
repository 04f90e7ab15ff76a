"""What pages and API share: connections, the archive with its replica, settings. Built once in a process."""

import threading
from dataclasses import dataclass
from typing import Any

import redis

from producer import Producer
from producer.server import connect
from producer.wake import make_celery_app, send_wake_up, take_wake
from worker.archive import find_archive, read_archive
from worker.child import fetch_limits
from worker.fetch import Fetcher
from worker.keyspace import Keyspace
from worker.reading.guarded_hashing import GuardedHashing
from worker.reading.listing import LOOK_AT, Listing
from worker.reading.lookup import Lookup
from worker.reading.periods import Periods
from worker.replica import Replica
from worker.scripts import Scripts
from worker.settings import Settings
from worker.thumbnail_stores import open_thumbnails
from worker.web.growth import Growth

DECODERS = 2
"""Processes that decode for searches: each may take `LOOKALIKE_CHILD_MEMORY`."""

PATIENCE_S = 2.0
"""Seconds that a request waits for a server that is away, before it is answered 503."""


@dataclass(frozen=True, slots=True)
class OpenArchive:
    """One archive, ready to be read; of no use once the server holds another one."""

    uuid: str
    scripts: Scripts
    listing: Listing
    lookup: Lookup
    replica: Replica
    periods: Periods
    growth: Growth


class Service:
    """One process of the page; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        url = settings.redis_url.get_secret_value()
        self.settings = settings
        self.keys = Keyspace(settings.archive)
        self.client: Any = connect(url)  # redis-py's types are unions of all that any setting could give
        self.producer = Producer(url, settings.archive, broker_url=settings.broker, patience_s=PATIENCE_S)
        self.thumbnails = open_thumbnails(settings.thumbnails)
        self._celery = make_celery_app(settings.broker, self.keys)
        self._replica_client = connect(url)
        self.fetcher = Fetcher(fetch_limits(settings))
        self.hashing = GuardedHashing(
            count=DECODERS,
            max_pixels=settings.max_pixels,
            timeout_s=settings.decode_timeout,
            memory_bytes=settings.child_memory,
        )
        self.hashing.warm_up()
        self._lock = threading.Lock()
        self._archive: OpenArchive | None = None

    def archive(self) -> OpenArchive:
        """Give the archive; opens it where it has appeared meanwhile.

        Raises:
            ArchiveMissingError: There is none yet: no worker has started on this server.
        """
        with self._lock:
            if self._archive is None:
                uuid = find_archive(self.client, keys=self.keys)
                scripts = Scripts(self.client, keys=self.keys, uuid=uuid)
                listing = Listing(scripts, keys=self.keys)
                # A client of its own: the replica must know which connection it reads from.
                replica = Replica(self._replica_client, self.keys, cache_dir=self.settings.cache_dir)
                lookup = Lookup(replica, listing)
                periods = Periods(self.client, scripts, keys=self.keys)
                growth = Growth(periods, most=LOOK_AT)
                self._archive = OpenArchive(uuid, scripts, listing, lookup, replica, periods, growth)
            return self._archive

    def wake(self) -> None:
        """Wake the workers, unless somebody has just done so; they find what waits within seconds without it."""
        if take_wake(self.client, self.keys):
            send_wake_up(self.keys, self._celery)

    def forget_archive(self) -> None:
        """Let go of an archive that the server no longer holds."""
        with self._lock:
            if self._archive is not None:
                self._archive.replica.close()
            self._archive = None

    def facts(self) -> dict[str, str]:
        """Give the facts of the archive; empty where there is none."""
        return read_archive(self.client, self.keys)

    def close(self) -> None:
        """Close all connections."""
        self.forget_archive()
        self.hashing.close()
        self.producer.close()
        self._replica_client.close()
        self.client.close()


def is_outage(error: Exception) -> bool:
    """Tell whether the server, not the request, is the trouble."""
    return isinstance(error, redis.ConnectionError | redis.TimeoutError)
