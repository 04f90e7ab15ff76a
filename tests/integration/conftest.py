"""Entries taken by consumers of the test's own, to run the scripts on."""

from collections.abc import Callable

import pytest
import redis

from producer import Producer
from producer.names import LANES, Lane
from worker.alerts import Publisher
from worker.clusters import Clusters
from worker.entries import Entry, image_facts, read_message
from worker.keyspace import Keyspace
from worker.ownership import Ownership
from worker.records import Record
from worker.scripts import Scripts

LEASE_S = 30.0


class Consumer:
    """One consumer with every step that a worker's child has."""

    def __init__(self, scripts: Scripts, keys: Keyspace, name: str) -> None:
        self.name = name
        self.ownership = Ownership(scripts, keys=keys, consumer=name, lease_s=LEASE_S)
        self.clusters = Clusters(scripts, keys=keys, consumer=name)
        self.publisher = Publisher(scripts, keys=keys, consumer=name, keep=100)

    def take(self, *, lanes: tuple[Lane, ...] = LANES, limit: int = 100) -> list[Entry]:
        return self.ownership.take(lanes, limit=limit, abandoned=True)

    def record(self, entry: Entry) -> Record:
        message = read_message(entry)
        (record,) = self.clusters.record([(entry, image_facts(message, phash=int(message.phash, 16)))])
        return record

    def publish(self, entry: Entry, record: Record, event: str = "") -> str:
        (status,) = self.publisher.publish([(entry, record, event)])
        return status


@pytest.fixture
def consumer(scripts: Scripts, keys: Keyspace) -> Callable[[str], Consumer]:
    """Makes consumers by name."""
    return lambda name: Consumer(scripts, keys, name)


@pytest.fixture
def abandon(client: redis.Redis) -> Callable[[Entry, Consumer], None]:
    """Lets the lease of an entry run out, without waiting for it."""

    def let_go(entry: Entry, owner: Consumer) -> None:
        client.xclaim(
            entry.stream,
            "workers",
            owner.name,
            min_idle_time=0,
            message_ids=[entry.id],
            idle=int(LEASE_S * 1000) + 1,
            retrycount=entry.delivery,
            justid=True,
        )

    return let_go


@pytest.fixture
def send(producer: Producer) -> Callable[..., None]:
    """Appends one image to a lane; its hash comes along."""

    def append(name: str, phash: int = 0x00000000FFFFFFFF, lane: Lane = "live", **fields: object) -> None:
        producer.send(f"http://127.0.0.1:1/{name}", phash=f"{phash:016x}", lane=lane, **fields)

    return append
