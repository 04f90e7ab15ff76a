"""A whole service with its page, for tests: a server, a worker, a web process, all real."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from role_server import RoleServer

from producer import Producer
from producer.server import connect
from worker.embedded import IN_MEMORY
from worker.image_server import ImageServer
from worker.keyspace import Keyspace
from worker.processes import start_worker, stop_process
from worker.reading.statistics import read_stats, read_status

ROOT = Path(__file__).parent.parent
DEMO_FOLDER = ROOT / "demo"
ARCHIVE = "test"
COPIES = 60


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Web:
    """A process `lookalike web`, and requests to it."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._log_file = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "worker", "web", "--port", "0"],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._pool = urllib3.PoolManager(retries=False, timeout=30)
        self.url = ""

    def find_url(self) -> bool:
        found = re.search(r"the page is at (\S+)/\n", self.log.read_text())
        assert self.process.poll() is None, self.log.read_text()
        self.url = found[1] if found else ""
        return bool(found) and self.is_up()

    def is_up(self) -> bool:
        try:
            return self.get("/healthz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def get(self, path: str, **headers: str) -> Answer:
        return self.send(
            "GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    def send(self, method: str, path: str, **options: Any) -> Answer:
        response = self._pool.request(method, self.url + path, redirect=False, **options)
        return Answer(response.status, response.headers, response.data)

    def stop(self) -> int:
        self.process.terminate()
        status = self.process.wait(20)
        self._pool.clear()
        self._log_file.close()
        return status


class Site:
    """A service with its page, on an embedded server of its own."""

    def __init__(self, home: Path, stack: ExitStack, *, archive: str = ARCHIVE) -> None:
        self.home = home
        self.stack = stack
        self.server = stack.enter_context(RoleServer(home / "data", config=IN_MEMORY))
        self.images = stack.enter_context(ImageServer(DEMO_FOLDER))
        self.client = stack.enter_context(connect(self.server.url))
        self.producer = stack.enter_context(Producer(self.server.url_as("producer"), archive))
        self.keys = Keyspace(archive)
        self.environment = {
            "LOOKALIKE_REDIS_URL": self.server.url_as("page"),
            "LOOKALIKE_BROKER_URL": "",
            "LOOKALIKE_ARCHIVE": archive,
            "LOOKALIKE_STATE_DIR": str(home / "state"),
            "LOOKALIKE_CACHE_DIR": str(home / "cache"),
            "LOOKALIKE_ALLOW_NETWORKS": "127.0.0.1/32",
            "LOOKALIKE_THUMBNAILS": f"file://{home}/thumbnails",
            "LOOKALIKE_RETRY_FOR": "0",
        }
        self.web: Web = None  # type: ignore[assignment]

    def start_worker(self) -> subprocess.Popen[bytes]:
        rights = {"LOOKALIKE_REDIS_URL": self.server.url_as("worker")}
        worker = start_worker({**self.environment, **rights}, concurrency=1, log=self.home / "worker.log")
        self.stack.callback(stop_process, worker)
        return worker

    def start_web(self, wait: Any, **settings: str) -> Web:
        web = Web(
            {**self.environment, **settings}, self.home / f"web-{len(list(self.home.glob('web-*')))}.log"
        )
        self.stack.callback(web.stop)
        wait(web.find_url, what="the page is up")
        return web

    def ended(self) -> int:
        status, stats = read_status(self.client, self.keys), read_stats(self.client, self.keys)
        is_empty = not any(status["waiting"].values()) and not status["in_flight"] and not status["delayed"]
        return stats["images"] + stats["failures"] if is_empty else -1
