"""What the compose file starts, started here on loopback: the same scripts, configuration, users and rights."""

import json
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
import redis
from redis.exceptions import NoPermissionError
from ruamel.yaml import YAML

from producer import Producer
from tests.waiting import wait_until
from worker.embedded import find_binary
from worker.image_server import ImageServer

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
DEMO = ROOT / "demo"


COMPOSE = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())

CHECK_HEALTH = """
import pathlib, sys
import healthy
sys.exit(not healthy.is_healthy(pathlib.Path(sys.argv[1])))
"""


class Deployment:
    """The server of the compose file, and verbs as its services run them."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self._home = home
        self._stack = stack
        self._secrets = home / "secrets"
        subprocess.run(["sh", DEPLOY / "make-secrets.sh", self._secrets], check=True)
        (home / "bin").mkdir()
        (home / "bin" / "lookalike").write_text(f'#!/bin/sh\nexec {sys.executable} -m worker "$@"\n')
        (home / "bin" / "lookalike").chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def start_server(self) -> None:
        """Start the server as its entry point does."""
        binary = find_binary(os.environ)
        script = ["sh", DEPLOY / "redis" / "start.sh", binary]
        options = ["--dir", self._home, "--port", str(self.port), "--bind", "127.0.0.1", "--maxmemory", "1gb"]
        paths = {"LOOKALIKE_SERVER_CONFIG": DEPLOY / "redis", "LOOKALIKE_USERS": self._home / "users.acl"}
        self._start([*script, *options], paths)
        with redis.Redis(port=self.port, username="probe", password="none") as probe:
            wait_until(lambda: _answers(probe), what="the server")

    def client(self, user: str) -> redis.Redis:
        """Connect as a user."""
        password = (self._secrets / f"{user}_password").read_text()
        return self._stack.enter_context(redis.Redis(port=self.port, username=user, password=password))

    def url(self, user: str) -> str:
        """Give the server's URL for a user."""
        return f"redis://{user}:{(self._secrets / f'{user}_password').read_text()}@127.0.0.1:{self.port}/0"

    def start_service(self, name: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start a service as the compose file says, on loopback."""
        service = COMPOSE["services"][name]
        given = {variable: _interpolate(value) for variable, value in service["environment"].items()}
        here = {**given, **self._settings(given["LOOKALIKE_USER"]), **settings}
        for variable, value in here.items():
            here[variable] = str(value).replace("/run/secrets", str(self._secrets))
        return self._start(["sh", DEPLOY / "start.sh", *service["command"]], here)

    @property
    def token(self) -> str:
        """A token that the page takes."""
        return (self._secrets / "api_tokens").read_text().split()[1]

    def run(self, user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a verb as a service does and give what came of it."""
        environment = {**os.environ, **self._settings(user)}
        command = ["sh", str(DEPLOY / "start.sh"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def _settings(self, user: str) -> dict[str, str]:
        return {
            "PATH": f"{self._home / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "LOOKALIKE_SECRETS": str(self._secrets),
            "LOOKALIKE_USER": user,
            "LOOKALIKE_SERVER": f"127.0.0.1:{self.port}",
            "LOOKALIKE_STATE_DIR": str(self._home / "state"),
            "LOOKALIKE_CACHE_DIR": str(self._home / "cache"),
            "LOOKALIKE_ALLOW_NETWORKS": "127.0.0.0/8",
        }

    def _start(self, command: list[object], settings: dict[str, object]) -> subprocess.Popen[bytes]:
        given = {"LOOKALIKE_SECRETS": self._secrets, **settings}
        log = self._stack.enter_context((self._home / "log").open("ab"))
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **{name: str(value) for name, value in given.items()}},
            stdout=log,
            stderr=log,
        )
        self._stack.callback(_end, process)
        return process


def _interpolate(value: object) -> str:
    """Fill in the defaults of the compose file's variables."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.RedisError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def deployment(tmp_path):
    with ExitStack() as stack:
        made = Deployment(tmp_path, stack)
        made.start_server()
        yield made


def test_the_services_do_their_work_with_the_rights_they_have(deployment, tmp_path):
    with ImageServer(DEMO) as images:
        urls = [images.url(path) for path in sorted(DEMO.iterdir()) if path.suffix != ".csv"]
        (tmp_path / "urls.txt").write_text("".join(f"{url}\n" for url in urls))
        worker = deployment.start_service("worker")

        first = deployment.run(
            "producer", "enqueue", str(tmp_path / "urls.txt"), "--checkpoint", str(tmp_path / "done")
        )

        def is_done():
            stats = deployment.run("page", "stats", "--json")
            return not stats.returncode and json.loads(stats.stdout)["images"] == len(urls)

        wait_until(is_done, timeout_s=60, what=f"{len(urls)} images; see {tmp_path / 'log'}")
        again = deployment.run("producer", "enqueue", "--skip-known", "--json", str(tmp_path / "urls.txt"))
    consumer = deployment.client("consumer")
    consumer.xgroup_create("{default}:alerts", "desk", id="0")
    alerts = consumer.xreadgroup("desk", "me", {"{default}:alerts": ">"})
    health = subprocess.run(
        [sys.executable, "-c", CHECK_HEALTH, f"/proc/{worker.pid}"],
        env={**os.environ, "PYTHONPATH": str(DEPLOY)},
        check=False,
    )

    assert first.returncode == 0
    assert json.loads(again.stdout).items() >= {"accepted": 0, "known": len(urls), "bad": 0}.items()
    assert alerts
    assert health.returncode == 0
    assert deployment.client("admin").acl_log() == []


def test_the_page_is_open_to_tokens_alone_and_takes_images(deployment):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    deployment.start_service("page", LOOKALIKE_WEB_PORT=str(port))
    wait_until(lambda: _get(port, "/healthz") == 200, timeout_s=30, what="the page")
    bearer = {"Authorization": f"Bearer {deployment.token}"}
    body = b'{"url": "https://example.org/a.jpg"}'

    stranger = _get(port, "/v1/stats")
    known = _get(port, "/v1/stats", headers=bearer)
    sent = _get(port, "/v1/images", body=body, headers={**bearer, "Content-Type": "application/json"})

    assert (stranger, sent) == (401, 202)
    assert known in (200, 503)  # 503 until a worker has made the archive
    assert deployment.client("admin").xlen("{default}:images:live") == 1
    assert deployment.client("admin").acl_log() == []


def _get(port, path, *, body=None, headers=None):
    """Give the status of an answer, 0 where there is none."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("POST" if body else "GET", path, body=body, headers=headers or {})
            return connection.getresponse().status
        except OSError:
            return 0


def test_nobody_has_more_rights_than_needed(deployment):
    for user in ("producer", "page"):
        with Producer(deployment.url(user)) as producer:
            producer.send("https://example.org/a.jpg")
    feeder, consumer, page = (deployment.client(user) for user in ("producer", "consumer", "page"))

    for attempt in (
        lambda: feeder.xrange("{default}:images:live"),
        lambda: feeder.smembers("{default}:phash:ba8c84536bd3c366"),
        lambda: feeder.getrange("{default}:hashes:0", 0, 7),
        lambda: feeder.set("{default}:images:live", "x"),
        lambda: feeder.xadd("{default}:images:retry", {"url": "x"}),
        lambda: feeder.xadd("{default}:alerts", {"event": "x"}),
        feeder.flushall,
        lambda: consumer.xadd("{default}:images:live", {"url": "x"}),
        lambda: consumer.xadd("{default}:alerts", {"event": "x"}),
        lambda: consumer.hgetall("{default}:image:0"),
        lambda: consumer.hset("{default}:image:0", "0", "x"),
        lambda: consumer.getrange("{default}:hashes:0", 0, 7),
        lambda: page.xadd("{default}:images:retry", {"url": "x"}),
        lambda: page.xadd("{default}:alerts", {"event": "x"}),
        lambda: page.xadd("{default}:failures", {"url": "x"}),
        lambda: page.xgroup_create("{default}:images:live", "workers"),
        lambda: page.hset("{default}:image:0", "0", "x"),
        lambda: page.hset("{default}:counters", "images", "1"),
        lambda: page.sadd("{default}:phash:ba8c84536bd3c366", "1"),
        lambda: page.append("{default}:hashes:0", "x"),
        lambda: page.delete("{default}:archive"),
        lambda: page.eval("return redis.call('DEL', KEYS[1])", 1, "{default}:archive"),
        lambda: deployment.client("worker").flushall(),
        lambda: deployment.client("worker").config_set("maxmemory", 0),
    ):
        with pytest.raises(
            (NoPermissionError, redis.exceptions.ResponseError), match=r"permission|ACL|can't run"
        ):
            attempt()
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=deployment.port).ping()


@pytest.mark.parametrize(
    "line",
    [
        ["hadolint", "Dockerfile"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
    ],
    ids=lambda line: line[0],
)
def test_the_image_and_the_compose_file_are_well_formed(line):
    done = subprocess.run(
        [Path(sys.executable).parent / line[0], *line[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_image_copies_is_there_and_let_through():
    copied = [
        name
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and not line.startswith("COPY --from")
        for name in line.split()[1:-1]
    ]

    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert [name for name in copied if not (ROOT / name).exists() or name not in let_through] == []
