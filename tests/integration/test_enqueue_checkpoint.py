"""A run that is killed goes on where it was: no line is lost, and at most a batch a kill is sent again."""

import gzip
import random
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.waiting import wait_until

BATCH = 100


@pytest.fixture(autouse=True)
def settings(server, keys, monkeypatch):
    """Let the command find the server."""
    monkeypatch.setenv("LOOKALIKE_REDIS_URL", server.url_as("producer"))
    monkeypatch.setenv("LOOKALIKE_ARCHIVE", keys.archive)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))


@pytest.mark.parametrize(("packing", "kills"), [("", 20), (".gz", 4)])
def test_sigkill_at_any_moment_loses_no_line(packing, kills, client, producer, tmp_path):
    random.seed(7)
    stream = producer.names.stream("backlog")
    urls = [f"https://a.org/{number}" for number in range(kills * 4 * BATCH)]
    content = "".join(f"{url}\n" for url in urls).encode()
    path = tmp_path / f"a.txt{packing}"
    path.write_bytes(gzip.compress(content) if packing else content)
    verb = [sys.executable, "-m", "worker.cli", "enqueue", path, "--checkpoint", tmp_path / "done", "--json"]

    for _ in range(kills):
        target = client.xlen(stream) + random.randrange(1, 2 * BATCH)
        process = subprocess.Popen([*verb, "--rate", str(10 * BATCH)])
        wait_until(lambda p=process, t=target: p.poll() is not None or client.xlen(stream) >= t)
        with suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0, 0.1))
        process.kill()
        process.wait()
    last = subprocess.run(verb, capture_output=True, check=True)

    times = Counter(fields[b"url"].decode() for _, fields in client.xrange(stream))
    assert times.keys() == set(urls)
    assert sum(times.values()) <= len(urls) + kills * BATCH
    assert b'"bad": 0' in last.stdout
