"""Stands between a client and the server, and cuts the connection around a transaction's end."""

import socket
import threading
from pathlib import Path


class CuttingProxy:
    """Listens on a unix socket; `cuts` connections break, alternately before and behind an EXEC's execution."""

    def __init__(self, folder: Path, server: Path, *, cuts: int) -> None:
        self.path = folder / "proxy.sock"
        self._server = server
        self.cuts = cuts
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Its URL for a client."""
        return f"unix://{self.path}?db=0"

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._server))
        threading.Thread(target=_copy, args=(server, client), daemon=True).start()
        with client, server:
            tail = b""
            while data := client.recv(1 << 16):
                tail = (tail + data)[-14:]
                if tail == b"*1\r\n$4\r\nEXEC\r\n" and self.cuts:
                    self.cuts -= 1
                    client.shutdown(socket.SHUT_WR)
                    if self.cuts % 2:
                        server.sendall(data)  # it is executed, and the answer reaches nobody
                    return
                server.sendall(data)


def _copy(server: socket.socket, client: socket.socket) -> None:
    try:
        while data := server.recv(1 << 16):
            client.sendall(data)
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
