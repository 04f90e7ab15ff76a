"""Entries taken by consumers of the test's own, to run the scripts on."""

from collections.abc import Callable

import pytest
import redis
from script_consumer import LEASE_S, Consumer

from producer import Producer
from producer.names import Lane
from worker.entries import Entry
from worker.keyspace import Keyspace
from worker.scripts import Scripts


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
