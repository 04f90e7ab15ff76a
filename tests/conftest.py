"""Real parts for every test: a Valkey server, workers in processes of their own, an HTTP server of images."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from role_server import RoleServer

from producer import Producer
from producer.names import Lane
from producer.server import connect
from tests.command import Command
from tests.filled_archive import FilledArchive
from tests.script_consumer import LEASE_S, Consumer
from tests.soft_images import Images
from tests.waiting import wait_until
from worker.archive import KnownArchives, Recipe, open_archive
from worker.embedded import IN_MEMORY
from worker.entries import Entry
from worker.hashing import golden_hashes
from worker.image_server import ImageServer
from worker.keyspace import Keyspace
from worker.phash import RECIPE
from worker.processes import start_worker, stop_process
from worker.reading.statistics import read_stats, read_status
from worker.scripts import Scripts

DEMO_FOLDER = Path(__file__).parent.parent / "demo"
ARCHIVE = "test"
HOOKS = Path(__file__).parent / "faults" / "hooks"


@pytest.fixture(scope="session")
def _session_server() -> Iterator[RoleServer]:
    home = Path(tempfile.mkdtemp(prefix="lookalike-test-"))
    with RoleServer(home, config=IN_MEMORY) as server:
        yield server
    shutil.rmtree(home)


@pytest.fixture
def server(_session_server: RoleServer) -> Iterator[RoleServer]:
    """A running server without a key in any database; fails a test in which it refused a role what it needs."""
    with connect(_session_server.url) as client:
        client.flushall()
        client.acl_log_reset()
    yield _session_server
    assert _session_server.refusals() == []


@pytest.fixture
def own_server() -> Iterator[RoleServer]:
    """A server of this test alone, for tests that kill, restart or fill it; it keeps all that it acknowledged."""
    home = Path(tempfile.mkdtemp(prefix="lookalike-test-"))
    config = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}
    with RoleServer(home, config=config) as server:
        yield server
        if server.is_running():
            assert server.refusals() == []
    shutil.rmtree(home)


@pytest.fixture
def client(server: RoleServer) -> Iterator[redis.Redis]:
    """A connection to the empty server."""
    with connect(server.url) as connection:
        yield connection


@pytest.fixture
def keys() -> Keyspace:
    """The keys of the archive that tests use."""
    return Keyspace(ARCHIVE)


@pytest.fixture
def uuid(client: redis.Redis, keys: Keyspace, tmp_path: Path) -> str:
    """The uuid of a fresh archive."""
    recipe = Recipe(RECIPE, golden_hashes())
    return open_archive(client, keys=keys, recipe=recipe, known=KnownArchives(tmp_path / "known"))


@pytest.fixture
def scripts(server: RoleServer, keys: Keyspace, uuid: str) -> Iterator[Scripts]:
    """The scripts of a fresh archive, with a worker's rights."""
    with connect(server.url_as("worker")) as client:
        yield Scripts(client, keys=keys, uuid=uuid)


@pytest.fixture
def producer(server: RoleServer) -> Iterator[Producer]:
    """A producer for the archive that tests use."""
    with Producer(server.url_as("producer"), ARCHIVE) as made:
        yield made


@pytest.fixture
def demo_images() -> Iterator[ImageServer]:
    """An HTTP server of the demo images."""
    with ImageServer(DEMO_FOLDER) as images:
        yield images


class Service:
    """Workers on a server, and what one waits for."""

    def __init__(self, server: RoleServer, home: Path, stack: ExitStack) -> None:
        self.server = server
        self.home = home
        self.log = home / "worker.log"
        self.keys = Keyspace(ARCHIVE)
        self.client = stack.enter_context(connect(server.url))
        self._stack = stack

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a worker and of a verb for this service."""
        return {
            "LOOKALIKE_REDIS_URL": self.server.url_as("worker"),
            "LOOKALIKE_BROKER_URL": "",
            "LOOKALIKE_ARCHIVE": ARCHIVE,
            "LOOKALIKE_STATE_DIR": str(self.home / "state"),
            "LOOKALIKE_CACHE_DIR": str(self.home / "cache"),
            "LOOKALIKE_ALLOW_NETWORKS": "127.0.0.0/8",
        }

    def start_worker(self, *, concurrency: int = 2, **settings: str) -> subprocess.Popen[bytes]:
        """Start a worker; `settings` are those of the service's environment and beyond."""
        process = start_worker({**self.environment, **settings}, concurrency=concurrency, log=self.log)
        self._stack.callback(stop_process, process)
        return process

    def wait_done(self, *, images: int, timeout_s: float = 30.0) -> dict[str, int]:
        """Wait until so many images have ended, recorded or failed, and nothing is on its way; give the counts."""

        def is_done() -> bool:
            status, stats = read_status(self.client, self.keys), read_stats(self.client, self.keys)
            is_empty = (
                not any(status["waiting"].values()) and not status["in_flight"] and not status["delayed"]
            )
            return is_empty and stats["images"] + stats["failures"] >= images

        wait_until(is_done, timeout_s=timeout_s, what=f"{images} images done; see {self.log}")
        return read_stats(self.client, self.keys)


@pytest.fixture
def service(server: RoleServer, tmp_path: Path) -> Iterator[Service]:
    """A service without a worker yet, on the empty server."""
    with ExitStack() as stack:
        yield Service(server, tmp_path, stack)


@pytest.fixture
def own_service(own_server: RoleServer, tmp_path: Path) -> Iterator[Service]:
    """A service without a worker yet, on a server that the test may kill."""
    with ExitStack() as stack:
        yield Service(own_server, tmp_path, stack)


@pytest.fixture(scope="session")
def archive() -> Iterator[FilledArchive]:
    """An archive of the demo images for many tests, none of which changes it; its worker has ended."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalike-test-")))
        server = stack.enter_context(RoleServer(home / "data", config=IN_MEMORY))
        filled = FilledArchive(server, home, stack)
        filled.fill(home / "worker.log")
        yield filled
        assert server.refusals() == []


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command `lookalike` in an empty folder, with no setting."""
    return Command(tmp_path, {})


@pytest.fixture
def consumer(scripts: Scripts, keys: Keyspace) -> Callable[[str], Consumer]:
    """Makes consumers by name."""
    return lambda name: Consumer(scripts, keys, name)


@pytest.fixture
def abandon(client: redis.Redis) -> Callable[[Entry, Consumer], None]:
    """Lets the lease of an entry run out, without waiting for it."""

    def let_go(entry: Entry, owner: Consumer) -> None:
        client.xclaim(
            entry.stream,
            "workers",
            owner.name,
            min_idle_time=0,
            message_ids=[entry.id],
            idle=int(LEASE_S * 1000) + 1,
            retrycount=entry.delivery,
            justid=True,
        )

    return let_go


@pytest.fixture
def send(producer: Producer) -> Callable[..., None]:
    """Appends one image to a lane; its hash comes along."""

    def append(name: str, phash: int = 0x00000000FFFFFFFF, lane: Lane = "live", **fields: object) -> None:
        producer.send(f"http://127.0.0.1:1/{name}", phash=f"{phash:016x}", lane=lane, **fields)

    return append


@pytest.fixture
def images(tmp_path: Path) -> Iterator[Images]:
    """Images of the test's own."""
    folder = tmp_path / "images"
    folder.mkdir()
    with ImageServer(folder) as server:
        yield Images(folder, server)


@pytest.fixture
def hooks(tmp_path: Path) -> dict[str, str]:
    """The environment that makes a worker's processes die at exact lines."""
    marks = tmp_path / "marks"
    marks.mkdir()
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(HOOKS), os.environ.get("PYTHONPATH")))),
        "LOOKALIKE_TEST_MARKS": str(marks),
    }
