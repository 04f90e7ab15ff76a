"""A TCP proxy in front of a server's unix socket, on loopback: its connections can be cut, refused and slowed down."""

import asyncio
import contextlib
import gc
import threading
import warnings
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65536


class TcpProxy:
    """Forwards 127.0.0.1:`port` to `upstream`, which may be changed at any time; a context manager."""

    def __init__(self, upstream: Path) -> None:
        self.upstream = upstream
        self.delay_s = 0.0
        self.port = 0
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def url(self, database: int = 0, *, user: str = "") -> str:
        """Give the URL of one database behind the proxy; `user` ends with an @."""
        return f"redis://{user}127.0.0.1:{self.port}/{database}"

    def cut(self) -> None:
        """Reset all connections, and each new one at once, until `heal`."""
        self._is_cut = True
        self._call(self._reset_all())

    def heal(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        # What was accepted while the loop ended is closed in its last rounds.
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()
        with warnings.catch_warnings():
            # A connection that was reset while asyncio accepted it is left to the collector, which complains.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def _call(self, work) -> None:  # noqa: ANN001 - a coroutine
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await self._reset_all()
            await asyncio.wait(others, timeout=0.1)

    async def _reset_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = {writer}
        try:
            if self._is_cut:
                return
            up_reader, up_writer = await asyncio.open_unix_connection(str(self.upstream))
            writers.add(up_writer)
            self._writers |= writers
            await asyncio.gather(
                self._copy(reader, up_writer, is_request=True),
                self._copy(up_reader, writer, is_request=False),
            )
        except OSError:
            return  # the server is away
        finally:
            self._writers -= writers
            for end in writers:
                end.transport.abort()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool
    ) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                if is_request and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
