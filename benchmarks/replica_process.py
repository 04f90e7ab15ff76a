"""Another process with a replica: reads hashes, one a line, and answers whether the archive holds them."""

import sys
from pathlib import Path

import numpy as np

from producer.server import connect
from worker.keyspace import Keyspace
from worker.replica import Replica


def main() -> None:
    """Answer until standard input ends."""
    if sys.argv[1:] == ["--import-only"]:
        print("ready", flush=True)
        sys.stdin.read()
        return
    url, archive, cache_dir = sys.argv[1:]
    replica = Replica(connect(url), Keyspace(archive), cache_dir=Path(cache_dir))
    replica.catch_up()
    print("ready", flush=True)
    for line in sys.stdin:
        query = np.array([int(line)], np.uint64)
        ((hashes, _),) = replica.search(query, max_distance=10)
        print("found" if query[0] in hashes else "missing", flush=True)
    replica.close()


if __name__ == "__main__":
    main()
