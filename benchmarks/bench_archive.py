"""Fills an archive with hashes of the real population, key by key as `record.lua` would have left it.

The filled server is saved once and copied for every run. `python bench_archive.py` fills a small archive both ways and
compares every key.
"""

import hashlib
import os
import shutil
import socket
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from bench_images import CACHE
from numpy.typing import NDArray

from producer import derived_id
from producer.names import GROUP
from producer.server import connect
from worker import embedded
from worker.archive import KnownArchives, Recipe, open_archive
from worker.clusters import Clusters
from worker.embedded import IN_MEMORY, EmbeddedServer
from worker.entries import Entry
from worker.hashing import golden_hashes
from worker.keyspace import BUCKET_IMAGES, SEGMENT_ROWS, Keyspace
from worker.phash import RECIPE
from worker.records import _HEADER, ImageFacts, pack_body
from worker.scripts import _SOURCES, Scripts

ARCHIVE = "default"
KEYS = Keyspace(ARCHIVE)
REAL_HASHES = Path(__file__).parent / "data" / "real-hashes.npy"
TEXTURED = 32
SEEN_AT_MS = 1_795_000_000_000
COPIES = 0.1
"""Share of the images whose hash an earlier one has."""

FILLING = 3
"""Goes up when what is filled in changes: archives that were saved before are not used any more."""

FEED_PARTS = 50_000
PAGE = "https://media.example.org/{}/photos/of/the/d/{}.jpg"
LOAD_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Population:
    """The images of an archive by number: hash, rank in its cluster, the cluster's first number, the number before."""

    phash: NDArray[np.uint64]
    rank: NDArray[np.int64]
    first: NDArray[np.int64]
    previous: NDArray[np.int64]

    @property
    def horizon(self) -> NDArray[np.int64]:
        """Rows in the log once each image was filed."""
        return np.cumsum(self.rank == 0)


def real_population(count: int, *, seed: int) -> NDArray[np.uint64]:
    """Give `count` different hashes: textured real ones, with one to five set and clear bits exchanged."""
    real = np.load(REAL_HASHES)
    real = np.unique(real[np.bitwise_count(real) == TEXTURED])
    rng = np.random.default_rng(seed)
    found = np.empty(0, np.uint64)
    while len(found) < count:
        hashes = rng.choice(real, size=int(count * 1.1) + 100)
        steps = rng.integers(1, 6, len(hashes))
        for step in range(5):
            hashes = np.where(steps > step, _exchange(hashes, rng), hashes)
        found = np.unique(np.concatenate([found, hashes]))
    return rng.permutation(found)[:count]


def make_population(distinct: int, *, seed: int = 64) -> Population:
    """Give images with `distinct` hashes and, spread among them, copies."""
    hashes = real_population(distinct, seed=seed)
    rng = np.random.default_rng(seed + 1)
    copies = int(distinct * COPIES / (1 - COPIES))
    is_copy = np.zeros(distinct + copies, dtype=bool)
    is_copy[1 + rng.permutation(distinct + copies - 1)[:copies]] = True
    row = np.cumsum(~is_copy) - 1
    row[is_copy] = rng.integers(0, row[is_copy] + 1)
    number = np.arange(len(row))
    order = np.lexsort((number, row))
    starts = np.flatnonzero(np.diff(row[order], prepend=-1))
    begin = np.repeat(starts, np.diff(starts, append=len(row)))
    rank, first, previous = (np.empty(len(row), np.int64) for _ in range(3))
    rank[order] = np.arange(len(row)) - begin
    first[order] = order[begin]
    previous[order] = np.where(np.arange(len(row)) == begin, order, np.roll(order, 1))
    return Population(hashes[row], rank, first, previous)


def url_of(number: int) -> str:
    """Give a URL of 90 characters, 40 of them as good as random."""
    return PAGE.format(f"{number % 1000:03d}", hashlib.sha1(b"%d" % number).hexdigest())


class _Feed:
    """Commands to a server on a unix socket, without a reply to any: a million in seconds."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._parts: list[bytes] = []
        self.add(b"CLIENT", b"REPLY", b"OFF")

    def add(self, *words: bytes) -> None:
        """Add one command."""
        self._parts.append(b"*%d\r\n" % len(words))
        self._parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
        if len(self._parts) >= FEED_PARTS:
            self._flush()

    def close(self) -> None:
        """Send the rest, and wait until the server has done it all."""
        self.add(b"CLIENT", b"REPLY", b"ON")
        self._flush()
        if self._socket.recv(5) != b"+OK\r\n":
            raise SystemExit("the server has not taken what it was fed")
        self._socket.close()

    def _flush(self) -> None:
        self._socket.sendall(b"".join(self._parts))
        self._parts.clear()


def fill(socket_path: Path, population: Population) -> None:
    """Write every key of the archive but its facts."""
    feed = _Feed(socket_path)
    buckets: dict[str, list[bytes]] = defaultdict(list)
    columns = (population.phash, population.horizon, population.rank, population.first, population.previous)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for bucket in range(0, len(population.phash), BUCKET_IMAGES):
        records = []
        for number, (phash, horizon, rank, first, previous) in enumerate(
            islice(rows, BUCKET_IMAGES), start=bucket
        ):
            image, named = _facts(url_of(number), phash), b"%d" % number
            packed, seen_at = phash.to_bytes(8, "big"), (SEEN_AT_MS + number).to_bytes(6, "big")
            header = _HEADER.pack(1, packed, seen_at, horizon, rank, first, previous)
            records += [named, header + pack_body(image)]
            buckets[KEYS.ids(image.id)] += (image.id.encode(), named)
            feed.add(b"SADD", KEYS.cluster(phash).encode(), named)
        feed.add(b"HSET", KEYS.records(bucket).encode(), *records)
    for key, pairs in buckets.items():
        feed.add(b"HSET", key.encode(), *pairs)
    _fill_rest(feed, population)
    feed.close()


def _fill_rest(feed: _Feed, population: Population) -> None:
    """Write log, seals, listings and counters."""
    log = population.phash[population.rank == 0].astype(">u8").tobytes()
    step = SEGMENT_ROWS * 8
    for segment, at in enumerate(range(0, len(log), step)):
        part = log[at : at + step]
        feed.add(b"SET", KEYS.segment(segment).encode(), part)
        if len(part) == step:
            feed.add(b"HSET", KEYS.seals.encode(), b"%d" % segment, hashlib.sha1(part).hexdigest().encode())
    for number in np.flatnonzero(population.rank > 0).tolist():
        member = b"%016x" % int(population.phash[number])
        feed.add(b"ZADD", KEYS.by_size.encode(), b"%d" % (population.rank[number] + 1), member)
        feed.add(b"ZADD", KEYS.by_last.encode(), b"%d" % number, member)
        feed.add(b"ZADD", KEYS.by_first.encode(), b"%d" % population.first[number], member)
    images, rows = len(population.phash), len(log) // 8
    counts = {b"images": images, b"rows": rows, b"clusters": rows, b"low_information": 0}
    for name, count in {**counts, b"seen_at": SEEN_AT_MS + images}.items():
        feed.add(b"HSET", KEYS.counters.encode(), name, b"%d" % count)


def _facts(url: str, phash: int) -> ImageFacts:
    image_id = derived_id(url)
    return ImageFacts(
        id=image_id,
        url=url,
        phash=phash,
        width=400,
        height=533,
        format="JPEG",
        sha256=hashlib.sha256(url.encode()).digest(),
    )


@contextmanager
def run_archive(distinct: int) -> Iterator[EmbeddedServer]:
    """Run a server of its own whose archive holds `distinct` hashes, filled now or taken from an earlier run."""
    embedded.START_TIMEOUT_S = LOAD_TIMEOUT_S
    with tempfile.TemporaryDirectory(prefix="lookalike-bench-") as home:
        saved = _saved(distinct)
        shutil.copy(saved, Path(home) / "dump.rdb")
        with EmbeddedServer(Path(home), config=IN_MEMORY) as server:
            yield server


def open_new(server: EmbeddedServer, home: Path) -> str:
    """Create the archive on an empty server; give its uuid."""
    with connect(server.url) as client:
        recipe = Recipe(RECIPE, golden_hashes())
        return open_archive(client, keys=KEYS, recipe=recipe, known=KnownArchives(home / "known"))


def _saved(distinct: int) -> Path:
    layout = hashlib.sha256(f"{FILLING} {ARCHIVE} {_SOURCES['record']}".encode())
    saved = CACHE / f"archive-{distinct}-{layout.hexdigest()[:12]}.rdb"
    if not saved.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="lookalike-bench-") as home:
            with EmbeddedServer(Path(home), config=IN_MEMORY) as server, connect(server.url) as client:
                open_new(server, Path(home))
                if distinct:
                    fill(server.socket, make_population(distinct))
                client.connection_pool.disconnect()
                client.connection_pool.connection_kwargs["socket_timeout"] = LOAD_TIMEOUT_S
                client.save()
            early = saved.with_suffix(f".{os.getpid()}")
            shutil.copy(Path(home) / "dump.rdb", early)
            early.rename(saved)
    return saved


def _exchange(hashes: NDArray[np.uint64], rng: np.random.Generator) -> NDArray[np.uint64]:
    """Exchange one set and one clear bit of each hash, but for bit 63."""
    one = np.uint64(1)
    pairs = rng.integers(0, 63, (2, 40, len(hashes)), dtype=np.uint64)
    changed = hashes.copy()
    is_open = np.ones(len(hashes), dtype=bool)
    for a, b in zip(*pairs, strict=True):
        fits = is_open & (((hashes >> a) & one) == one) & (((hashes >> b) & one) == 0)
        changed[fits] ^= (one << a[fits]) | (one << b[fits])
        is_open &= ~fits
    return changed


def _fill_by_script(server: EmbeddedServer, uuid: str, population: Population) -> None:
    """File the same images as a worker does."""
    stream = KEYS.stream("live")
    with connect(server.url) as client:
        client.xgroup_create(stream, GROUP, id="0", mkstream=True)
        clusters = Clusters(Scripts(client, keys=KEYS, uuid=uuid), keys=KEYS, consumer="bench")
        for number, phash in enumerate(population.phash.tolist()):
            entry_id = client.xadd(stream, {"url": url_of(number)}).decode()
            client.xreadgroup(GROUP, "bench", {stream: ">"})
            clusters.record([(Entry("live", stream, entry_id, 1, {}), _facts(url_of(number), phash))])
        client.delete(stream)


def _content(client: Any) -> dict[bytes, Any]:  # noqa: ANN401 - redis-py's client types its replies by chance
    readers: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    content: dict[bytes, Any] = {
        key: readers[client.type(key)](key) for key in client.scan_iter(KEYS.prefix + "*", count=1000)
    }
    for key, value in content.items():
        if b":image:" in key:
            # The flag "done" and the time are those of the run.
            content[key] = {number: stored[1:9] + stored[15:] for number, stored in value.items()}
    content.get(KEYS.counters.encode(), {}).pop(b"seen_at", None)
    content.pop(KEYS.archive_facts.encode(), None)
    return content


def _compare(distinct: int) -> None:
    population = make_population(distinct)
    by_script, by_key = (_filled(population, by_script=by_script) for by_script in (True, False))
    if by_script != by_key:
        raise SystemExit("the filled archive is not what the scripts write")
    print(f"{len(population.phash)} images: {len(by_key)} keys, all the same")


def _filled(population: Population, *, by_script: bool) -> dict[bytes, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="lookalike-bench-") as home,
        EmbeddedServer(Path(home), config=IN_MEMORY) as server,
        connect(server.url) as client,
    ):
        uuid = open_new(server, Path(home))
        if by_script:
            _fill_by_script(server, uuid, population)
        else:
            fill(server.socket, population)
        return _content(client)


if __name__ == "__main__":
    _compare(70_000)
