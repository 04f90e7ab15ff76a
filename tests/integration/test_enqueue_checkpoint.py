"""A run that is killed goes on where it was: no line is lost, and none is sent again."""

import gzip
import importlib
import json
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


def write(path, urls):
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet", reason="an extra")
        rows = importlib.import_module("pyarrow").table({"url": urls})
        parquet.write_table(rows, path, row_group_size=7 * BATCH + 1)  # most kills come within a group
        return
    content = "".join(f"{url}\n" for url in urls).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize(("name", "kills"), [("a.txt", 20), ("a.txt.gz", 4), ("a.parquet", 4)])
def test_sigkill_at_any_moment_loses_no_line_and_doubles_none(name, kills, client, producer, tmp_path):
    random.seed(7)
    stream = producer.names.stream("backlog")
    urls = [f"https://a.org/{number}" for number in range(kills * 4 * BATCH)]
    path = tmp_path / name
    write(path, urls)
    verb = [sys.executable, "-m", "worker", "enqueue", path, "--checkpoint", tmp_path / "done", "--json"]

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
    assert times == dict.fromkeys(urls, 1)
    assert json.loads(last.stdout).items() >= {"accepted": len(urls), "bad": 0}.items()


def test_kills_in_a_row_behind_the_same_batch_do_not_add_up(client, producer, tmp_path):
    stream = producer.names.stream("backlog")
    urls = [f"https://a.org/{number}" for number in range(5 * BATCH)]
    path, checkpoint = tmp_path / "a.txt", tmp_path / "done"
    write(path, urls)
    verb = [sys.executable, "-m", "worker", "enqueue", path, "--checkpoint", checkpoint]
    subprocess.run([*verb, "--limit", str(2 * BATCH)], check=True)
    before = checkpoint.read_bytes()

    for _ in range(3):
        subprocess.run([*verb, "--limit", str(BATCH)], check=True)
        checkpoint.write_bytes(before)  # as if it had been killed before it could write this
    subprocess.run(verb, check=True)

    assert [fields[b"url"].decode() for _, fields in client.xrange(stream)] == urls
