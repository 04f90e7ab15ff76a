"""One reader of the stream of alerts, any number of followers: none is lost, and a slow one holds up nobody.

The reader keeps the latest alerts. A follower asks for what comes after its own position, whenever it is ready: from
what is kept, or, where it has fallen behind that, from the stream itself.
"""

import asyncio
import json
import logging
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

KEEP = 2000
"""Alerts held in memory, 7 kB each at most: what 200 alerts a second bring in 10 seconds."""

PACE_S = 0.05
"""Alerts are handed on this often: a hundred followers cost a hundred writes then, not one for each alert."""

PAGE = 500
BLOCK_MS = 2000
KEEP_ALIVE_S = 15.0
CLOSE_TIMEOUT_S = 2.0

Position = tuple[int, int]


@dataclass(slots=True)
class SentAlert:
    """An alert with its place in the stream, and how it looks to those that follow, written once for all of them."""

    position: Position
    event: str
    _data: dict[str, Any] | None = None
    looks: dict[str, bytes] = field(default_factory=dict)

    @property
    def entry_id(self) -> str:
        """The id of its entry."""
        return f"{self.position[0]}-{self.position[1]}"

    @property
    def data(self) -> dict[str, Any]:
        """The CloudEvents object."""
        if self._data is None:
            self._data = json.loads(self.event)
        return self._data


class FanOut:
    """Follows one stream of alerts for all clients of this process. For one event loop."""

    def __init__(self, client: Redis, *, stream: str) -> None:
        self._client: Any = client  # redis-py's types are unions of all that any setting could give
        self._stream = stream
        self._kept: list[SentAlert] = []
        self._floor: Position | None = None
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.is_closing = False
        self.followers = 0

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End the reader and all followers."""
        self.is_closing = True
        self._arrived.set()
        if self._task is not None:
            self._task.cancel()
            # redis-py may turn the cancellation into an error of its own: `is_closing` ends the reader then.
            await asyncio.wait({self._task}, timeout=CLOSE_TIMEOUT_S)
        with suppress(RedisError, OSError):
            await self._client.aclose()

    async def follow(self, after: str | None) -> AsyncIterator[list[SentAlert]]:
        """Give what comes after an entry id, page by page; from now on where it is None. An empty page keeps alive."""
        self.followers += 1
        try:
            position = read_position(after) if after is not None else await self._end()
            while not self.is_closing:
                arrived = self._arrived
                page = await self._after(position)
                if page:
                    position = page[-1].position
                    yield page
                    continue
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        await arrived.wait()
                except TimeoutError:
                    yield []
        finally:
            self.followers -= 1

    async def latest(self, count: int) -> str:
        """Give the position before the latest `count` alerts; the first of all where the server is away."""
        try:
            rows = await self._client.xrevrange(self._stream, count=count + 1)
        except (RedisError, OSError):
            return "0-0"
        return rows[count][0].decode() if len(rows) > count else "0-0"

    async def _after(self, position: Position) -> list[SentAlert]:
        if self._floor is not None and position >= self._floor:
            start = bisect_right(self._kept, position, key=lambda alert: alert.position)
            return self._kept[start : start + PAGE]
        try:
            rows = await self._client.xrange(self._stream, min=f"({_write(position)}", max="+", count=PAGE)
        except (RedisError, OSError):
            return []
        return [_alert(*row) for row in rows]

    async def _end(self) -> Position:
        rows = await self._client.xrevrange(self._stream, count=1)
        return read_position(rows[0][0].decode()) if rows else (0, 0)

    async def _run(self) -> None:
        while not self.is_closing:
            try:
                await self._read()
            except (RedisError, OSError) as error:
                logger.warning("alerts wait: %s", type(error).__name__)
                # What was kept may not be what the server has when it is back.
                self._floor = None
                self._tell()
                await asyncio.sleep(1)

    async def _read(self) -> None:
        self._kept = []
        self._floor = last = await self._end()
        self._tell()
        while not self.is_closing:
            reply = await self._client.xread({self._stream: _write(last)}, count=PAGE, block=BLOCK_MS)
            for row in _entries(reply):
                self._kept.append(_alert(*row))
            if not reply:
                if await self._end() < last:
                    return
                continue
            last = self._kept[-1].position
            if len(self._kept) > KEEP:
                self._floor = self._kept[-KEEP - 1].position
                self._kept = self._kept[-KEEP:]
            self._tell()
            await asyncio.sleep(PACE_S)

    def _tell(self) -> None:
        told, self._arrived = self._arrived, asyncio.Event()
        told.set()


def read_position(entry_id: str) -> Position:
    """Read the id of an entry, whose second part may be missing."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def _write(position: Position) -> str:
    return f"{position[0]}-{position[1]}"


def _alert(entry_id: bytes, fields: dict[bytes, bytes]) -> SentAlert:
    return SentAlert(read_position(entry_id.decode()), fields[b"event"].decode())


def _entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:  # noqa: ANN401 - RESP2 and RESP3 differ
    if not reply:
        return []
    if isinstance(reply, dict):
        return [entry for pages in reply.values() for page in pages for entry in page]
    return [entry for _, page in reply for entry in page]
