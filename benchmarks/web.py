"""Requests a second of `GET /v1/search?hash=` over a million hashes, beside an empty endpoint of the same server.

`python benchmarks/web.py [--hashes 1000000] [--seconds 10]` fills a server of its own, starts `lookalike web` on one
core where the machine has two, and asks from the other one over 16 kept connections.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from hashlib import sha1
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

from producer.messages import derived_id
from producer.server import connect
from worker.archive import KnownArchives, Recipe, open_archive
from worker.embedded import IN_MEMORY, EmbeddedServer
from worker.hashing import golden_hashes
from worker.keyspace import SEGMENT_ROWS, Keyspace
from worker.phash import RECIPE
from worker.records import ImageFacts, pack_body

CONNECTIONS = 16
SEED = 11
REAL = Path(__file__).parent / "data" / "real-hashes.npy"


def make_hashes(count: int) -> np.ndarray:
    """Give distinct hashes of 32 set bits: real ones, and neighbours of them at 2 to 24 bits."""
    rng = np.random.default_rng(SEED)
    found = np.unique(np.load(REAL).astype(np.uint64))
    found = found[np.bitwise_count(found) == 32]  # noqa: PLR2004 - those that are searched
    while len(found) < count:
        made = rng.choice(found, count)
        for _ in range(rng.integers(1, 12)):
            rows = np.unpackbits(made.astype(">u8").view(np.uint8)).reshape(-1, 64)
            picks = rng.random(rows.shape)
            ones = np.argmax(np.where(rows == 1, picks, -1), axis=1)
            zeros = np.argmax(np.where(rows == 0, picks, -1), axis=1)
            each = np.arange(len(rows))
            rows[each, ones], rows[each, zeros] = 0, 1
            made = np.packbits(rows).view(">u8").astype(np.uint64)
        found = np.unique(np.concatenate([found, made]))
    return rng.permutation(found)[:count]


def fill(client, keys: Keyspace, hashes: np.ndarray) -> None:  # noqa: ANN001 - redis-py's types are unions
    """Write clusters of one image each, as `record.lua` would."""
    data = hashes.astype(">u8").tobytes()
    for segment in range(-(-len(hashes) // SEGMENT_ROWS)):
        rows = data[segment * SEGMENT_ROWS * 8 : (segment + 1) * SEGMENT_ROWS * 8]
        client.set(keys.segment(segment), rows)
        if len(rows) == SEGMENT_ROWS * 8:
            client.hset(keys.seals, segment, sha1(rows, usedforsecurity=False).hexdigest())
    for start in range(0, len(hashes), 20_000):
        pipe = client.pipeline(transaction=False)
        for number in range(start, min(start + 20_000, len(hashes))):
            phash = int(hashes[number])
            url = f"https://example.org/images/{number}.jpg"
            header = b"\1" + phash.to_bytes(8, "big") + (1_760_000_000_000 + number).to_bytes(6, "big")
            header += b"".join(value.to_bytes(4, "big") for value in (number + 1, 0, number, number))
            pipe.hset(
                keys.records(number), number, header + pack_body(ImageFacts(derived_id(url), url, phash))
            )
            pipe.sadd(keys.cluster(phash), number)
        pipe.execute()
    client.hset(keys.counters, mapping={"images": len(hashes), "rows": len(hashes), "clusters": len(hashes)})


def measure(port: int, paths: list[str], seconds: float) -> tuple[float, float]:
    """Give requests a second and the 99th percentile of their time in ms."""
    taken: list[float] = []
    end = time.monotonic() + seconds

    def ask(offset: int) -> None:
        connection = HTTPConnection("127.0.0.1", port)
        at = offset
        while (begun := time.monotonic()) < end:
            connection.request("GET", paths[at % len(paths)])
            response = connection.getresponse()
            response.read()
            assert response.status == 200, response.status  # noqa: PLR2004 - HTTP's
            taken.append(time.monotonic() - begun)
            at += CONNECTIONS
        connection.close()

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(taken) / seconds, sorted(taken)[len(taken) * 99 // 100] * 1000


def start(environment: dict[str, str], log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the page; give its process and its port."""
    command = [sys.executable, "-P", "-m", "worker", "web", "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=output)
    while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text())):
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    return process, int(found[1])


def main() -> None:
    """Fill, start, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hashes", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    hashes = make_hashes(options.hashes)
    with tempfile.TemporaryDirectory(prefix="lookalike-bench-") as folder:
        home = Path(folder)
        with EmbeddedServer(home / "data", config=IN_MEMORY) as server, connect(server.url) as client:
            keys = Keyspace("bench")
            open_archive(
                client,
                keys=keys,
                recipe=Recipe(RECIPE, golden_hashes()),
                known=KnownArchives(home / "known"),
            )
            fill(client, keys, hashes)
            environment = {
                "LOOKALIKE_REDIS_URL": server.url,
                "LOOKALIKE_ARCHIVE": "bench",
                "LOOKALIKE_STATE_DIR": str(home / "state"),
                "LOOKALIKE_CACHE_DIR": str(home / "cache"),
            }
            process, port = start(environment, home / "web.log")
            try:
                cores = sorted(os.sched_getaffinity(0))
                os.sched_setaffinity(process.pid, cores[:1])
                for thread in Path(f"/proc/{process.pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), cores[:1])
                os.sched_setaffinity(0, cores[-1:])
                searches = [f"/v1/search?hash={int(phash):016x}" for phash in hashes[:: len(hashes) // 997]]
                measure(port, searches, min(5, options.seconds))
                for name, paths in (("empty endpoint", ["/healthz"]), ("search", searches)):
                    rate, slow_ms = measure(port, paths, options.seconds)
                    print(f"{name}: {rate:,.0f} requests/s, 99th percentile {slow_ms:.1f} ms")
            finally:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
