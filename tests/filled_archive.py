"""An archive that a real worker has filled, for the many tests that only read it."""

import time
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from role_server import RoleServer

from producer import Producer
from producer.server import connect
from tests.command import Command
from worker.image_server import ImageServer
from worker.keyspace import Keyspace
from worker.processes import start_worker, stop_process
from worker.reading.statistics import read_stats, read_status

DEMO_FOLDER = Path(__file__).parent.parent / "demo"
PROCESSED_WITHIN_S = 60


class FilledArchive:
    """An archive of the demo images, of two flat pictures, and of three images that failed."""

    def __init__(self, server: RoleServer, home: Path, stack: ExitStack) -> None:
        settings = {
            "LOOKALIKE_REDIS_URL": server.url_as("page"),
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
        rights = {"LOOKALIKE_REDIS_URL": self.server.url_as("worker")}
        process = start_worker({**self.command.environment, **rights}, concurrency=2, log=log)
        try:
            with Producer(self.server.url_as("producer"), "test") as producer:
                producer.send_many(
                    [*self.urls, *self.flat_urls, f"{self.missing_url}?token=secret", self.text_url]
                )
            self.client.xadd(self.keys.stream("live"), {"link": "https://user:pw@example.org/a.jpg"})
            end = time.monotonic() + PROCESSED_WITHIN_S
            while not self._is_done(images=len(self.urls) + len(self.flat_urls) + 3):
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.02)
        finally:
            stop_process(process)

    def _is_done(self, *, images: int) -> bool:
        status, stats = read_status(self.client, self.keys), read_stats(self.client, self.keys)
        return status["in_flight"] == 0 and stats["images"] + stats["failures"] == images
