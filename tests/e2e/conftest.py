"""The command as a user has it: a process of its own; and an archive that holds the demo images."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from producer import Producer
from producer.server import connect
from worker.embedded import IN_MEMORY, EmbeddedServer
from worker.image_server import ImageServer
from worker.keyspace import Keyspace
from worker.processes import start_worker, stop_worker
from worker.statistics import read_stats, read_status

ROOT = Path(__file__).parent.parent.parent
DEMO_FOLDER = ROOT / "demo"
PROCESSED_WITHIN_S = 60


class Command:
    """The command `lookalike` with the settings of one service, in a folder of its own."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            **settings,
        }

    def run(
        self, *arguments: str, status: int = 0, stdin: bytes = b"", **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end; fail where it ends with another status."""
        ended = subprocess.run(
            self.line(*arguments),
            capture_output=True,
            input=stdin,
            check=False,
            timeout=60,
            cwd=self.folder,
            env={**self.environment, **settings},
        )
        told = subprocess.CompletedProcess(
            ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
        )
        assert told.returncode == status, told.stderr
        assert "Traceback" not in told.stderr, told.stderr
        return told

    def rows(self, *arguments: str, status: int = 0, **settings: str) -> list[dict[str, Any]]:
        """Run a verb with --json and give its objects."""
        return [
            json.loads(line)
            for line in self.run(*arguments, "--json", status=status, **settings).stdout.splitlines()
        ]

    def start(self, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
        """Start a verb in a session of its own, as a terminal's foreground group."""
        return subprocess.Popen(
            self.line(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**self.environment, **settings},
            start_new_session=True,
        )

    def line(self, *arguments: str) -> list[str]:
        """Give the arguments of the process."""
        return [sys.executable, "-P", "-m", "worker.cli", *arguments]


class Archive:
    """An archive of the demo images, of two flat pictures, and of three images that failed."""

    def __init__(self, server: EmbeddedServer, home: Path, stack: ExitStack) -> None:
        settings = {
            "LOOKALIKE_REDIS_URL": server.url,
            "LOOKALIKE_ARCHIVE": "test",
            "LOOKALIKE_STATE_DIR": str(home / "state"),
            "LOOKALIKE_CACHE_DIR": str(home / "cache"),
            "LOOKALIKE_ALLOW_NETWORKS": "127.0.0.0/8",
        }
        self.server = server
        self.keys = Keyspace("test")
        self.client = stack.enter_context(connect(server.url))
        self.command = Command(home, settings)
        self.images = stack.enter_context(ImageServer(DEMO_FOLDER))
        (home / "flat").mkdir()
        for name in ("white-1.png", "white-2.png"):
            Image.new("RGB", (64, 64), "white").save(home / "flat" / name)
        flat = stack.enter_context(ImageServer(home / "flat"))
        paths = sorted(path for path in DEMO_FOLDER.iterdir() if path.suffix != ".csv")
        self.urls = [self.images.url(path) for path in paths]
        self.flat_urls = [flat.url(path) for path in sorted((home / "flat").iterdir())]
        self.missing_url = self.images.url(DEMO_FOLDER / "missing.jpg")
        self.text_url = self.images.url(DEMO_FOLDER / "manifest.csv")

    def fill(self, log: Path) -> None:
        """Send everything and wait until a worker has done it; live images first, one after the other."""
        process = start_worker(self.command.environment, concurrency=2, log=log)
        try:
            with Producer(self.server.url, "test") as producer:
                producer.send_many(
                    [*self.urls, *self.flat_urls, f"{self.missing_url}?token=secret", self.text_url]
                )
            self.client.xadd(self.keys.stream("live"), {"link": "https://user:pw@example.org/a.jpg"})
            end = time.monotonic() + PROCESSED_WITHIN_S
            while not self._is_done(images=len(self.urls) + len(self.flat_urls) + 3):
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.02)
        finally:
            stop_worker(process)

    def _is_done(self, *, images: int) -> bool:
        status, stats = read_status(self.client, self.keys), read_stats(self.client, self.keys)
        return status["in_flight"] == 0 and stats["images"] + stats["failures"] == images


@pytest.fixture(scope="session")
def archive() -> Iterator[Archive]:
    """An archive for many tests, none of which changes it; its worker has ended."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalike-test-")))
        server = stack.enter_context(EmbeddedServer(home / "data", config=IN_MEMORY))
        made = Archive(server, home, stack)
        made.fill(home / "worker.log")
        yield made


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command in an empty folder, with no setting."""
    return Command(tmp_path, {})
