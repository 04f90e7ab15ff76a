"""The embedded server, when whoever started it was killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.waiting import wait_until
from worker.embedded import IN_MEMORY, EmbeddedServer, find_binary

_STARTER = """
import signal, sys
from pathlib import Path
from worker.embedded import IN_MEMORY, EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), config=IN_MEMORY)
server.start()
print("started", flush=True)
signal.pause()
"""


@pytest.fixture
def short_folder():
    with tempfile.TemporaryDirectory(prefix="lookalike-test-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", ["valkey-server", "kv-9"])
def test_the_next_one_ends_what_a_killed_one_left_whatever_it_is_called(name, short_folder, monkeypatch):
    shutil.copy(find_binary(os.environ), short_folder / name)
    monkeypatch.setenv("LOOKALIKE_SERVER_BINARY", str(short_folder / name))
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, short_folder / "data"], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout.readline() == "started\n"
    pid = int((short_folder / "data" / "pid").read_text())
    starter.send_signal(signal.SIGKILL)
    starter.communicate()

    with EmbeddedServer(short_folder / "data", config=IN_MEMORY) as server:
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), what="the end of the one left behind")

        assert server.is_running()
