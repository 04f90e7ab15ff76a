"""The building process: one at a time, without a secret, gone when nobody needs it, and never trusted."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from producer.server import connect
from tests.conftest import wait_until
from tests.hash_appender import HashAppender, wait_built
from worker.keyspace import SEGMENT_ROWS
from worker.replica import Replica


@pytest.fixture
def log(client, keys):
    made = HashAppender(client, keys)
    made.append(made.draw(3 * SEGMENT_ROWS))
    return made


@pytest.fixture
def cache_dir(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def open_replica(server, keys, cache_dir):
    with ExitStack() as stack:

        def open_one() -> Replica:
            own = stack.enter_context(connect(server.url))
            return stack.enter_context(closing(Replica(own, keys, cache_dir=cache_dir)))

        yield open_one


@pytest.fixture
def replica(open_replica):
    return open_replica()


def builders() -> list[int]:
    """List the building processes that this process started."""
    children = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split()
    return [int(pid) for pid in children if b"run_builder" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def the_builder() -> int:
    """Give the building process; its command line shows a moment after it was started."""
    wait_until(builders, timeout_s=20, what="a building process")
    return builders()[0]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_process_shows_no_secret_and_leaves_nothing(replica, log, cache_dir, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_REDIS_URL", "redis://:hunter2@localhost")
    replica.catch_up()
    pid = the_builder()

    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == 5, what="a lower priority")
    shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    wait_built(replica)

    assert b"hunter2" not in shown
    wait_until(lambda: not replica.catch_up() and not builders())
    assert {path.suffix for path in cache_dir.rglob("*.*")} == {".run"}


def test_only_one_process_builds_at_a_time(keys, replica, log, cache_dir):
    folder = cache_dir / keys.archive
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        replica.catch_up()
        log.check(replica)
        assert builders() == []

    wait_built(replica)


def test_closing_ends_the_process(replica, log, cache_dir):
    replica.catch_up()
    pid = the_builder()

    replica.close()

    assert not is_alive(pid)
    assert not list(cache_dir.rglob("*.tmp"))


def test_the_process_ends_with_its_parent(server, keys, log, cache_dir):
    program = (
        "import sys, os, time; from pathlib import Path; from producer.server import connect;"
        "from worker.keyspace import Keyspace; from worker.replica import Replica;"
        f"Replica(connect({server.url!r}), Keyspace({keys.archive!r}), cache_dir=Path({str(cache_dir)!r})).catch_up();"
        "print(Path('/proc/self/task', str(os.getpid()), 'children').read_text(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        (pid,) = map(int, parent.stdout.readline().split())
        parent.send_signal(signal.SIGKILL)

    wait_until(lambda: not is_alive(pid), timeout_s=20, what="the end of the building process")
    wait_until(lambda: not list(cache_dir.rglob("*.tmp")))


def test_the_process_ends_where_its_folder_is_deleted(replica, log, cache_dir):
    replica.catch_up()
    pid = the_builder()

    shutil.rmtree(cache_dir)

    wait_until(lambda: not is_alive(pid), timeout_s=20, what="the end of the building process")
    log.check(replica)


def test_a_killed_process_is_started_again(replica, log, cache_dir, caplog):
    replica.catch_up()
    os.kill(the_builder(), signal.SIGKILL)

    log.check(replica)
    wait_built(replica)

    log.check(replica)


@pytest.mark.parametrize("torn", ["run", "segment"])
def test_files_torn_by_a_crash_are_built_again(torn, open_replica, log, cache_dir):
    first = open_replica()
    wait_built(first)
    if torn == "segment":
        log.append(log.draw(SEGMENT_ROWS))
        first.catch_up()
    first.close()
    for path in cache_dir.rglob(f"*.{torn}"):
        os.truncate(path, path.stat().st_size // 2)

    reopened = open_replica()

    log.check(reopened)
    wait_built(reopened)
    log.check(reopened)


def test_an_index_larger_than_half_of_the_limit_is_warned_of(replica, log, caplog, monkeypatch):
    monkeypatch.setattr("worker.indexing.sealed_rows.read_memory_limit", lambda: 10_000_000)

    replica.catch_up()

    assert "half of the memory" in caplog.text
