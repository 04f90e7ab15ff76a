"""Every key of an archive, with its type and content: the one place in code that names them.

The page `docs/data-layout.md` holds the same table; a test compares the two.
"""

import hashlib

from producer.names import Names

SEGMENT_ROWS = 1 << 16
"""Rows of the log in one segment."""

BUCKET_IMAGES = 128
"""Records in one hash of records."""

KEYS = {
    "images:live": "stream",
    "images:retry": "stream",
    "images:backlog": "stream",
    "delayed": "sorted set",
    "wake": "string",
    "failures": "stream",
    "phash:<16 hex>": "set",
    "image:<number div 128>": "hash",
    "ids:<first 4 hex digits of SHA-1(id)>": "hash",
    "hashes:<segment>": "string",
    "hashes:seals": "hash",
    "counters": "hash",
    "latency:<lane>": "hash",
    "alerts": "stream",
    "by:size": "sorted set",
    "by:last": "sorted set",
    "by:first": "sorted set",
    "workers": "sorted set",
    "rate:v1:gcra:<host>": "string",
    "archive": "hash",
    "request:<SHA-256 of a key>": "string",
    "run:<32 hex>": "string",
}
"""Each key without the archive's prefix, and its type."""


class Keyspace(Names):
    """The keys of one archive; numbers and segments count from 0."""

    def __init__(self, archive: str) -> None:
        super().__init__(archive)
        self.delayed = self.prefix + "delayed"
        self.failures = self.prefix + "failures"
        self.seals = self.prefix + "hashes:seals"
        self.counters = self.prefix + "counters"
        self.alerts = self.prefix + "alerts"
        self.by_size = self.prefix + "by:size"
        self.by_last = self.prefix + "by:last"
        self.by_first = self.prefix + "by:first"
        self.workers = self.prefix + "workers"
        self.archive_facts = self.prefix + "archive"

    def cluster(self, phash: int) -> str:
        """Name the set of the numbers of the images with this hash."""
        return f"{self.prefix}phash:{phash:016x}"

    def records(self, number: int) -> str:
        """Name the hash that holds the record of image `number`."""
        return f"{self.prefix}image:{number // BUCKET_IMAGES}"

    def request(self, key: str) -> str:
        """Name the string that holds the answer to a request with this Idempotency-Key."""
        return f"{self.prefix}request:{hashlib.sha256(key.encode()).hexdigest()}"

    def ids(self, image_id: str) -> str:
        """Name the hash that maps this id, among others, to its number."""
        digest = hashlib.sha1(image_id.encode(), usedforsecurity=False).hexdigest()
        return f"{self.prefix}ids:{digest[:4]}"

    def latency(self, lane: str) -> str:
        """Name the hash that counts how long the images of a lane took."""
        return f"{self.prefix}latency:{lane}"

    def segment(self, segment: int) -> str:
        """Name the string that holds the rows of one segment, 8 bytes each, big-endian."""
        return f"{self.prefix}hashes:{segment}"
