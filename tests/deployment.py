"""What is deployed, started here on loopback: the same scripts, configuration, users and rights."""

import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import redis
from ruamel.yaml import YAML

from tests.waiting import wait_until
from worker.embedded import find_binary

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())


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
        self.port = self.find_port()
        self._data = home
        self._server: subprocess.Popen[bytes] | None = None

    @staticmethod
    def find_port() -> int:
        """Find a port of loopback that nobody listens at."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            return int(free.getsockname()[1])

    def start_server(self) -> None:
        """Start the server as its entry point does."""
        binary = find_binary(os.environ)
        script = ["sh", DEPLOY / "redis" / "start.sh", binary]
        options = ["--dir", self._data, "--port", str(self.port), "--bind", "127.0.0.1", "--maxmemory", "1gb"]
        paths = {"LOOKALIKE_SERVER_CONFIG": DEPLOY / "redis", "LOOKALIKE_USERS": self._home / "users.acl"}
        self._server = self.start([*script, *options], paths)
        with redis.Redis(port=self.port, username="probe", password="none") as probe:
            wait_until(lambda: _answers(probe), what="the server")

    def back_up(self) -> bytes:
        """Give what the backup's script writes."""
        given = {"LOOKALIKE_SECRETS": str(self._secrets), "LOOKALIKE_DATA": str(self._data)}
        return subprocess.run(
            ["sh", DEPLOY / "redis" / "backup.sh"],
            env={**os.environ, **given, "LOOKALIKE_PORT": str(self.port)},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout

    def restore(self, backup: bytes, folder: Path) -> None:
        """Start the server with what a backup holds, in a folder that is not there yet."""
        assert self._server is not None
        end(self._server)
        folder.mkdir()
        subprocess.run(["tar", "-C", folder, "-xf", "-"], input=backup, check=True)
        self._data = folder
        self.start_server()

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
        return self.start(["sh", DEPLOY / "start.sh", *service["command"]], here)

    @property
    def token(self) -> str:
        """A token that the page takes."""
        return (self._secrets / "api_tokens").read_text().split()[1]

    def run(self, user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a verb as a service does and give what came of it."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **self._settings(user)}
        command = ["sh", str(DEPLOY / "start.sh"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def start(self, command: list[object], settings: dict[str, object]) -> subprocess.Popen[bytes]:
        """Start a program with these settings; it ends with the test."""
        given = {"LOOKALIKE_SECRETS": self._secrets, "PYTHONPATH": ROOT, **settings}
        log = self._stack.enter_context((self._home / "log").open("ab"))
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **{name: str(value) for name, value in given.items()}},
            stdout=log,
            stderr=log,
        )
        self._stack.callback(end, process)
        return process

    def _settings(self, user: str) -> dict[str, str]:
        return {
            "PATH": f"{self._home / 'bin'}:{os.environ['PATH']}",
            "LOOKALIKE_SECRETS": str(self._secrets),
            "LOOKALIKE_USER": user,
            "LOOKALIKE_SERVER": f"127.0.0.1:{self.port}",
            "LOOKALIKE_STATE_DIR": str(self._home / "state"),
            "LOOKALIKE_CACHE_DIR": str(self._home / "cache"),
            "LOOKALIKE_ALLOW_NETWORKS": "127.0.0.0/8",
        }


def _interpolate(value: object) -> str:
    """Fill in the defaults of the compose file's variables."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.RedisError:
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def get_status(port, path, *, body=None, headers=None):
    """Give the status of an answer, 0 where there is none."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("POST" if body else "GET", path, body=body, headers=headers or {})
            return connection.getresponse().status
        except OSError:
            return 0
