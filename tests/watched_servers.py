"""A primary, its replica and three real sentinels that watch them, on loopback."""

import os
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import redis
from role_server import RoleServer, credentials

from tests.waiting import wait_until
from worker.embedded import find_binary

SERVICE = "lookalike"
DOWN_AFTER_MS = 2000
"""More than the second after which a sentinel asks a new primary for the first time: it would be down by then."""

SENTINELS = 3
_CONFIG = {
    "repl-diskless-sync-delay": "0",
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    "maxmemory-policy": "noeviction",
    "bind": "127.0.0.1",
    "masteruser": "admin",
    "masterauth": credentials("admin").partition(":")[2].removesuffix("@"),
}

_CERTIFICATES = Path(__file__).parent / "data" / "tls"
_OWN, _AUTHORITY = _CERTIFICATES / "service.pem", _CERTIFICATES / "service-authority.pem"
_TLS = {
    "tls-cert-file": str(_OWN),
    "tls-key-file": str(_OWN),
    "tls-ca-cert-file": str(_AUTHORITY),
    "tls-auth-clients": "yes",
    "tls-replication": "yes",
}
CLIENT_TLS = {"ssl_ca_certs": str(_AUTHORITY), "ssl_certfile": str(_OWN), "ssl_keyfile": str(_OWN)}

TILT_S = 100
"""On a busy machine a sentinel that was not scheduled for two seconds does nothing for thirty, several times maybe."""


class WatchedServers:
    """Two servers and their sentinels; a context manager. Encrypted, they let in who has a certificate."""

    def __init__(self, home: Path, *, is_encrypted: bool = False) -> None:
        self._home = home
        self._is_encrypted = is_encrypted
        self._stack = ExitStack()
        first, second, *self._sentinel_ports = free_ports(2 + SENTINELS)
        self.primary = RoleServer(home / "a", config={**_CONFIG, **self._listen(first)})
        self.replica = RoleServer(home / "b", config={**_CONFIG, **self._listen(second)})
        self.ports = (first, second)

    def url_as(self, role: str) -> str:
        """Give the service's URL for a role."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinel_ports)
        if self._is_encrypted:
            return f"rediss+sentinel://{credentials(role)}{hosts}/{SERVICE}/0?{urlencode(CLIENT_TLS)}"
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
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        enter = self._stack.enter_context
        enter(self.primary)
        enter(self.replica)
        replica = self.client(self.replica)
        replica.execute_command("REPLICAOF", "127.0.0.1", self.ports[0])
        wait_until(lambda: replica.info("replication")["master_link_status"] == "up", what="a replica")
        for port in self._sentinel_ports:
            self._start_sentinel(port)
        for port in self._sentinel_ports:
            with redis.Redis("127.0.0.1", port, **self._client_options()) as sentinel:
                wait_until(lambda asked=sentinel: _knows_all(asked), what="sentinels that know each other")

    def _listen(self, port: int) -> dict[str, str]:
        return {**_TLS, "port": "0", "tls-port": str(port)} if self._is_encrypted else {"port": str(port)}

    def _client_options(self) -> dict[str, Any]:
        return {"ssl": True, **CLIENT_TLS} if self._is_encrypted else {}

    def _start_sentinel(self, port: int) -> None:
        config = self._home / f"sentinel-{port}.conf"
        options = {
            **self._listen(port),
            "bind": "127.0.0.1",
            "dir": str(self._home),
            "sentinel myid": f"{port:040x}",
            f"sentinel monitor {SERVICE}": f"127.0.0.1 {self.ports[0]} 2",
            f"sentinel down-after-milliseconds {SERVICE}": str(DOWN_AFTER_MS),
            f"sentinel failover-timeout {SERVICE}": "5000",
            f"sentinel known-replica {SERVICE}": f"127.0.0.1 {self.ports[1]}",
        }
        # What they would find out about each other within some seconds.
        known = [
            f"sentinel known-sentinel {SERVICE} 127.0.0.1 {other} {other:040x}\n"
            for other in self._sentinel_ports
            if other != port
        ]
        lines = [f"{name} {value}\n" for name, value in options.items()]
        config.write_text("".join(lines + known))
        log = self._stack.enter_context((self._home / f"sentinel-{port}.log").open("wb"))
        process = subprocess.Popen([find_binary(os.environ), config, "--sentinel"], stdout=log, stderr=log)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)


def _knows_all(sentinel: redis.Redis) -> bool:
    try:
        state = sentinel.sentinel_master(SERVICE)
    except redis.ConnectionError:
        return False
    return state["num-slaves"] == 1 and state["num-other-sentinels"] == SENTINELS - 1


def free_ports(count: int) -> list[int]:
    """Find ports of loopback that nobody listens at."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
