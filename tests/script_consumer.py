"""One consumer with every step that a worker's child has."""

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
