"""The asyncio twin of `Producer`: the same rules, and nothing blocks the loop."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from redis.exceptions import ResponseError

from producer.append import OUTAGES, Batch
from producer.backpressure import MemoryWatch
from producer.errors import NotAcceptedError
from producer.messages import ImageMessage, build_message
from producer.names import Names, OpenLane, check_lane
from producer.queue import PATIENCE_S, Sendable, batches
from producer.server import connect_async, show_server
from producer.urls import default_broker_url
from producer.waker import Waker


class AsyncProducer:
    """Puts images on the streams of one archive; tasks of one loop may share it.

    async with AsyncProducer("redis://localhost:6379/0") as producer:
        await producer.send("https://example.org/a.jpg", source="sharechat")
    """

    def __init__(
        self,
        redis_url: str,
        archive: str = "default",
        *,
        broker_url: str | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Connect to nothing yet; raise ValueError where a URL or the archive's name cannot be used."""
        self.names = Names(archive)
        self.server = connect_async(redis_url)
        self._waker = Waker(self.names, broker_url or default_broker_url(redis_url))
        self._shown = show_server(redis_url)
        self._patience_s = patience_s
        self._memory = MemoryWatch()

    async def send(  # noqa: PLR0913 - the contract's fields
        self,
        url: str,
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        source: str | None = None,
        scraped_at: datetime | str | None = None,
        page_url: str | None = None,
        meta: Mapping[str, Any] | None = None,
        phash: str | None = None,
        lane: OpenLane = "live",
    ) -> str:
        """Append one image and give its id once the server has answered.

        Raises:
            InvalidMessageError: A value breaks the contract.
            NotAcceptedError: The server is away, full, or refuses; the subclass says which.
        """
        message = build_message(
            url=url, id=id, source=source, scraped_at=scraped_at, page_url=page_url, meta=meta, phash=phash
        )
        await self.append([message], lane=lane)
        return message.image_id

    async def send_many(self, messages: Iterable[Sendable], *, lane: OpenLane = "live") -> list[str]:
        """Append images a thousand at a time and give their ids, in the order given; each is accepted.

        Raises:
            InvalidMessageError: A message breaks the contract; those before it are accepted, see `accepted`.
            NotAcceptedError: The server is away, full, or refuses: the subclass says which; see `accepted`.
        """
        accepted: list[str] = []
        for batch, problem in batches(messages):
            try:
                await self.append(batch, lane=lane)
            except NotAcceptedError as error:
                error.accepted[:0] = accepted
                raise
            accepted += [message.image_id for message in batch]
            if problem is not None:
                problem.accepted = accepted
                raise problem
        return accepted

    async def append(self, messages: Sequence[ImageMessage], *, lane: OpenLane) -> int:
        """Append checked messages in one round trip and give the length of the lane.

        Raises:
            NotAcceptedError: The server is away, full, or refuses; the subclass says which.
        """
        check_lane(lane)
        batch = Batch(messages, server=self._shown, patience_s=self._patience_s)
        while batch.remaining:
            try:
                await self._ask_memory()
                if self._memory.is_full:
                    raise batch.note_full()
                pipeline = self.server.pipeline(transaction=False)
                batch.add_commands(pipeline, self.names, lane)
                replies = await pipeline.execute(raise_on_error=False)
            except OUTAGES as problem:
                await asyncio.sleep(batch.note_outage(problem))
                continue
            if batch.note_replies(replies):
                await asyncio.to_thread(self._waker.send)
            if batch.remaining:
                if batch.met_replica:
                    # As `Producer` does.
                    await self.server.connection_pool.disconnect(inuse_connections=False)
                await asyncio.sleep(batch.note_outage())
        return batch.waiting

    async def close(self) -> None:
        """Close the connections."""
        await self.server.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask_memory(self) -> None:
        if self._memory.is_due:
            try:
                self._memory.note_answer(await self.server.info("memory"))
            except ResponseError:
                self._memory.note_forbidden()
