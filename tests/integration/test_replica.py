"""The replica on a real server: what is appended is found, by whoever looks, whatever happens in between."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import redis

from producer.server import connect
from tests.hash_appender import HashAppender, wait_built
from worker.keyspace import SEGMENT_ROWS
from worker.replica import Replica


@pytest.fixture
def log(client, keys):
    return HashAppender(client, keys)


@pytest.fixture
def cache_dir(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def replica(server, keys, cache_dir):
    with connect(server.url_as("worker")) as own, closing(Replica(own, keys, cache_dir=cache_dir)) as made:
        yield made


def children():
    return [path.read_text() for path in Path("/proc/self/task").glob("*/children")]


def test_an_empty_log_holds_nothing(replica):
    ((hashes, distances),) = replica.search(np.array([1], np.uint64), max_distance=16)

    assert (len(hashes), len(distances), replica.rows) == (0, 0, 0)


def test_a_replica_opens_without_asking_the_server(keys, cache_dir):
    nobody = redis.Redis(unix_socket_path="/nonexistent/socket")

    with closing(Replica(nobody, keys, cache_dir=cache_dir)) as replica:
        assert replica.rows == 0


def test_every_append_is_seen_by_the_next_search(replica, log):
    for count in (1, 1, 63, 64, 900, 3_000):
        log.append(log.draw(count))

        log.check(replica)

    assert replica.rows == len(log.rows)


def test_a_search_at_a_horizon_reads_no_further_than_it_must(replica, log):
    log.append(log.draw(1_000))
    replica.catch_up()
    log.append(log.draw(1_000))

    replica.search(log.rows[:1], max_distance=0, before=np.array([900]))
    assert replica.rows < 1_010
    replica.search(log.rows[:1], max_distance=0, before=np.array([1_500]))
    assert replica.rows >= 1_500


def test_a_small_archive_makes_neither_a_file_nor_a_process(replica, log, cache_dir):
    log.append(log.draw(SEGMENT_ROWS)[: SEGMENT_ROWS - 1])
    before = children()

    log.check(replica)

    assert not cache_dir.exists()
    assert children() == before


@pytest.mark.parametrize("rows", [SEGMENT_ROWS - 1, SEGMENT_ROWS, SEGMENT_ROWS + 1, 9 * SEGMENT_ROWS + 5])
def test_searches_are_exact_before_during_and_after_building(rows, replica, log):
    log.append(log.draw(rows + 100)[:rows])

    log.check(replica)
    wait_built(replica)

    log.check(replica)


def test_runs_are_shared_and_merged_while_the_log_grows(server, keys, replica, log, cache_dir):
    with (
        connect(server.url_as("worker")) as other,
        closing(Replica(other, keys, cache_dir=cache_dir)) as second,
    ):
        for _ in range(6):
            log.append(log.draw(2 * SEGMENT_ROWS - 3_000))
            log.check(replica)
            log.check(second)
        wait_built(replica)
        wait_built(second)
        log.check(replica)
        log.check(second)

        assert len(list(cache_dir.rglob("*.segment"))) == 0


def test_a_second_opening_takes_the_files_as_they_are(server, keys, replica, log, cache_dir):
    log.append(log.draw(3 * SEGMENT_ROWS))
    wait_built(replica)
    before = {path.name: path.stat().st_mtime_ns for path in cache_dir.rglob("*.run")}

    with (
        connect(server.url_as("worker")) as other,
        closing(Replica(other, keys, cache_dir=cache_dir)) as second,
    ):
        second.catch_up()

        assert second.is_complete
        log.check(second)
    assert {path.name: path.stat().st_mtime_ns for path in cache_dir.rglob("*.run")} == before


def test_without_a_folder_to_write_searches_are_still_exact(server, keys, log, tmp_path, caplog):
    (tmp_path / "file").touch()
    log.append(log.draw(2 * SEGMENT_ROWS + 10))

    with (
        connect(server.url_as("worker")) as own,
        closing(Replica(own, keys, cache_dir=tmp_path / "file")) as replica,
    ):
        log.check(replica)
        log.append(log.draw(SEGMENT_ROWS))
        log.check(replica)
        assert not replica.is_complete


_READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
_READER = """
import sys
from pathlib import Path
import numpy as np
from producer.server import connect
from worker.keyspace import Keyspace
from worker.replica import Replica
url, archive, cache_dir, *hashes = sys.argv[1:]
replica = Replica(connect(url), Keyspace(archive), cache_dir=Path(cache_dir))
for _ in range(2):
    found = replica.search(np.array(hashes, np.uint64), max_distance=0)
    replica.catch_up()
print(replica.is_complete, len(replica._sealed._runs), *(len(one) for one, _ in found))
replica.close()
"""


def test_a_folder_that_may_only_be_read_is_mapped_and_left_alone(server, keys, log, replica, cache_dir):
    enter = ["unshare", "--mount", "--map-root-user", "sh", "-c", _READ_ONLY, str(cache_dir)]
    cache_dir.mkdir()
    if subprocess.run([*enter, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a mount of its own")
    log.append(log.draw(2 * SEGMENT_ROWS))
    wait_built(replica)
    before = {path.name: path.stat().st_mtime_ns for path in cache_dir.rglob("*")}
    log.append(log.draw(SEGMENT_ROWS))
    rows = [str(log.rows[at]) for at in (0, SEGMENT_ROWS, -1)]

    read = subprocess.run(
        [*enter, sys.executable, "-c", _READER, server.url_as("page"), keys.archive, str(cache_dir), *rows],
        capture_output=True,
        text=True,
        check=True,
    )

    assert read.stdout.split() == ["False", "1", "1", "1", "1"]
    assert read.stderr == ""
    assert {path.name: path.stat().st_mtime_ns for path in cache_dir.rglob("*")} == before


_OTHER_PROCESS = """
import sys
from pathlib import Path
import numpy as np
from producer.server import connect
from worker.keyspace import Keyspace
from worker.replica import Replica
url, archive, cache_dir = sys.argv[1:]
replica = Replica(connect(url), Keyspace(archive), cache_dir=Path(cache_dir))
for line in sys.stdin:
    query = np.array([int(line)], np.uint64)
    ((hashes, _),) = replica.search(query, max_distance=0)
    print(int(hashes.tolist() == query.tolist()), flush=True)
replica.close()
"""


@pytest.mark.parametrize("tries", [int(os.environ.get("LOOKALIKE_TEST_TRIES", "1000"))])
def test_what_was_recorded_is_found_by_a_search_that_begins_afterwards_in_another_process(
    tries, server, keys, log, cache_dir
):
    log.append(log.draw(SEGMENT_ROWS)[: SEGMENT_ROWS - tries // 2])
    command = [sys.executable, "-c", _OTHER_PROCESS, server.url, keys.archive, str(cache_dir)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as other:
        for phash in np.random.default_rng(5).integers(0, 2**64, tries, dtype=np.uint64):
            log.append(np.array([phash]))
            other.stdin.write(f"{phash}\n")
            assert other.stdout.readline() == "1\n"
        other.stdin.close()
    assert other.returncode == 0
