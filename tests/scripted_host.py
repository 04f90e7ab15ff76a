"""A host on loopback that does to each connection whatever a test tells it to."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

Script = Callable[[socket.socket, bytes], None]


def answer(
    body: bytes = b"", *, status: int = 200, headers: tuple[str, ...] = (), length: int | None = None
) -> bytes:
    """Write a whole response; `length` replaces the true Content-Length."""
    told = len(body) if length is None else length
    lines = (f"HTTP/1.1 {status} Told", f"Content-Length: {told}", *headers)
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


class ScriptedHost:
    """Listens, reads one request after another, and hands each to `script`, on a thread per connection."""

    def __init__(
        self, script: Script | bytes, *, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self._script = script if callable(script) else lambda connection, _: connection.sendall(script)
        self._tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.stop = threading.Event()
        self._listener = socket.create_server((address, 0))
        self.address, self.port = self._listener.getsockname()[:2]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for end in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    connection, _ = self._listener.accept()
                except OSError:
                    return
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ValueError):
            if self._tls is None:
                self._answer(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as protected:
                    self._answer(protected)

    def _answer(self, connection: socket.socket) -> None:
        rest = b""
        while not self.stop.is_set():
            while b"\r\n\r\n" not in rest:
                received = connection.recv(65536)
                if not received:
                    return
                rest += received
            request, _, rest = rest.partition(b"\r\n\r\n")
            self.requests.append(request)
            self._script(connection, request)


def trickle(host: "ScriptedHost", connection: socket.socket, data: bytes, *, every_s: float) -> None:
    """Send `data` again and again, one byte at a time, until the test ends."""
    while True:
        for byte in data:
            connection.sendall(bytes([byte]))
            if host.stop.wait(every_s):
                return
