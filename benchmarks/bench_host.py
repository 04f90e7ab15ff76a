"""Runs the host of the images as processes of their own: nginx where it is installed, else a small asyncio server.

With latency it is always the asyncio server. Dead hosts are listening sockets of other loopback addresses that take
connections and never answer.

`python bench_host.py FOLDER PORT LATENCY_MS` is the asyncio server itself.
"""

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import psutil  # type: ignore[import-untyped]  # no types are published

START_TIMEOUT_S = 20.0
NGINX = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_timeout 75s; keepalive_requests 1000000;
  types {{ image/jpeg jpg; }}
  client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home}; uwsgi_temp_path {home};
  scgi_temp_path {home};
  server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A running host: its kind, the URL that its files begin with, and its process."""

    kind: str
    base_url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Give the CPU seconds that the host has used, its workers included."""
        return sum(sum(process.cpu_times()[:2]) for process in family(self.process))


def family(process: psutil.Process) -> list[psutil.Process]:
    """List a process and all that descend from it."""
    return [process, *process.children(recursive=True)]


@contextmanager
def run_host(folder: Path, *, home: Path, latency_ms: int, kind: str | None = None) -> Iterator[Host]:
    """Serve `folder` for the time of the block."""
    kind = kind or ("nginx" if shutil.which("nginx") and not latency_ms else "asyncio")
    port = _free_port()
    home.mkdir(parents=True, exist_ok=True)
    if kind == "nginx":
        config = home / "nginx.conf"
        config.write_text(NGINX.format(home=home, port=port, folder=folder))
        folder.chmod(0o755)
        command = ["nginx", "-e", str(home / "error.log"), "-c", str(config), "-g", f"user {_user()};"]
    else:
        command = [sys.executable, __file__, str(folder), str(port), str(latency_ms)]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        _wait_for(port)
        yield Host(kind, f"http://127.0.0.1:{port}/", psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def dead_hosts(count: int) -> Iterator[list[str]]:
    """Open `count` addresses that take connections and never answer; give the URLs that they begin with."""
    with ExitStack() as stack:
        urls = []
        for number in range(count):
            address = f"127.0.{1 + number // 250}.{1 + number % 250}"
            listening = stack.enter_context(socket.socket())
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((address, 0))
            listening.listen(4096)
            urls.append(f"http://{address}:{listening.getsockname()[1]}/")
        yield urls


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _user() -> str:
    return psutil.Process().username()


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


class _Connection(asyncio.Protocol):
    """Answers GET requests of one connection from memory, each after the latency."""

    def __init__(self, answers: dict[str, bytes], latency_s: float) -> None:
        self._answers = answers
        self._latency_s = latency_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            path = unquote(head.split(b" ", 2)[1].decode()).partition("?")[0]
            answer = self._answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, answer)


async def _serve(folder: Path, *, port: int, latency_s: float) -> None:
    answers = {}
    for path in folder.glob("*.jpg"):  # noqa: ASYNC240 - before it serves anybody
        body = path.read_bytes()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
        answers[f"/{path.name}"] = head.encode() + body
    server = await asyncio.get_running_loop().create_server(
        partial(_Connection, answers, latency_s), "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), port=int(sys.argv[2]), latency_s=int(sys.argv[3]) / 1000))
