"""Builds the pipeline of one child process from its settings: the one place where the steps meet."""

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import redis

from producer.server import connect
from worker.alerts import Publisher
from worker.clusters import Clusters
from worker.decoding import Decoder
from worker.downloads import Downloads
from worker.fetch import Fetcher, FetchLimits
from worker.fetching.host_rate import HostRate
from worker.fetching.own_servers import OwnServers
from worker.intake import Intake
from worker.keyspace import Keyspace
from worker.look_alikes import LookAlikes
from worker.notes import Note
from worker.outages import Outage
from worker.ownership import LeaseKeeper, Ownership
from worker.pipeline import Pipeline
from worker.remembered import RememberedHashes
from worker.replica import Replica
from worker.scripts import Scripts
from worker.settings import Settings
from worker.sweeper import sweep_archive
from worker.thumbnail_stores import open_thumbnails
from worker.thumbnails import ThumbnailKeeper
from worker.trials import Trials
from worker.wakes import WakeUps


def new_consumer_name() -> str:
    """Give a name that no consumer ever had or will have."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(6)}"


class Child:
    """One child process: its connections, its threads and its pipeline. Built after the fork."""

    def __init__(
        self,
        settings: Settings,
        *,
        uuid: str,
        parent: str,
        wake: Callable[[redis.Redis], object],
        stopping: Callable[[], bool],
    ) -> None:
        self._stopping = stopping
        self._thumbnails: ThumbnailKeeper | None = None
        with ExitStack() as built:
            self._build(settings, uuid=uuid, parent=parent, wake=wake, stopping=stopping, built=built)
            # Nothing was raised: it is closed with the child. Otherwise each drain would leave a note and threads.
            self._built = built.pop_all()

    def drain(self) -> None:
        """Work while there is work; see `Pipeline.run`."""
        with self._note.draining():
            self.pipeline.run()
            if self._thumbnails is not None and self._stopping():
                # The parent ends its children when none is draining; a recorded image is not decoded again.
                self._thumbnails.flush()

    def close(self) -> None:
        """End in good order: no thread, no note, no connection is left."""
        self._built.close()

    def _build(  # noqa: PLR0913 - as above
        self,
        settings: Settings,
        *,
        uuid: str,
        parent: str,
        wake: Callable[[redis.Redis], object],
        stopping: Callable[[], bool],
        built: ExitStack,
    ) -> None:
        keys = Keyspace(settings.archive)
        consumer = new_consumer_name()
        client = connect(settings.redis_url.get_secret_value())
        built.callback(client.close)
        scripts = Scripts(client, keys=keys, uuid=uuid)
        ownership = Ownership(scripts, keys=keys, consumer=consumer, lease_s=settings.lease)
        self._note = Note(settings.state_dir, uuid=uuid, consumer=consumer, parent=parent)
        built.callback(self._note.close)
        leases = LeaseKeeper(ownership, on_error=_ignore)
        built.callback(leases.close)
        fetcher = Fetcher(fetch_limits(settings))
        downloads = Downloads(
            fetcher,
            window=settings.window,
            window_bytes=settings.window_bytes,
            host_concurrency=settings.host_concurrency,
            host_rate=HostRate(settings.redis_url.get_secret_value(), keys, per_s=settings.host_rate)
            if settings.host_rate
            else None,
        )
        built.callback(downloads.close)
        replica = Replica(client, keys, cache_dir=settings.cache_dir)
        built.callback(replica.close)
        clusters = Clusters(scripts, keys=keys, consumer=consumer)
        look = None
        store = open_thumbnails(settings.thumbnails)
        if store is not None:
            self._thumbnails = ThumbnailKeeper(store)
            built.callback(self._thumbnails.flush)
            look = self._thumbnails.keep
        trials = Trials(
            self._note,
            max_pixels=settings.max_pixels,
            timeout_s=settings.decode_timeout,
            memory_bytes=settings.child_memory,
        )
        built.callback(trials.close)
        self.pipeline = Pipeline(
            settings,
            ownership=ownership,
            leases=leases,
            intake=Intake(ownership, leases, downloads, window=settings.window),
            clusters=clusters,
            downloads=downloads,
            decoder=Decoder(
                self._note,
                hashes=RememberedHashes(settings.remember_hashes, look=look),
                max_pixels=settings.max_pixels,
                timeout_s=settings.decode_timeout,
            ),
            trials=trials,
            look_alikes=LookAlikes(
                replica,
                clusters=clusters,
                archive=settings.archive,
                uuid=uuid,
                max_distance=settings.max_distance,
            ),
            publisher=Publisher(scripts, keys=keys, consumer=consumer, keep=settings.alerts_keep),
            sweep=partial(sweep_archive, scripts, keys=keys, lease_s=settings.lease),
            wakes=WakeUps(client, names=keys, send=partial(wake, client)),
            outage=Outage(stopping),
            stopping=stopping,
        )


def fetch_limits(settings: Settings) -> FetchLimits:
    """Give what one download may cost and whom it may ask."""
    return FetchLimits(
        connect_timeout_s=settings.connect_timeout,
        read_timeout_s=settings.read_timeout,
        download_timeout_s=settings.download_timeout,
        max_bytes=settings.max_bytes,
        max_redirects=settings.max_redirects,
        file_roots=settings.file_roots,
        allow_networks=settings.allow_networks,
        user_agent=settings.user_agent,
        refused_endpoints=OwnServers([settings.redis_url.get_secret_value(), settings.broker]).endpoints,
    )


def _ignore(_: Exception) -> None:
    """Leave it to the pipeline to tell of an outage: it meets the same one."""
