"""Serves a folder over HTTP on loopback, for the demo and the tests."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: requests are no news."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that leaves is no news."""


class ImageServer:
    """An HTTP/1.1 server of the files below `folder`; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
        self._thread = threading.Thread(
            target=partial(self._server.serve_forever, poll_interval=0.05), name="image-server", daemon=True
        )

    @property
    def base_url(self) -> str:
        """The URL of the folder, with a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def url(self, path: Path) -> str:
        """Give the URL of a file below the folder."""
        return self.base_url + quote(path.relative_to(self._folder).as_posix())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
