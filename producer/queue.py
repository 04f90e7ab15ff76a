"""Appends images to the archive's streams and makes sure that somebody is awake to look at them."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from redis.exceptions import ResponseError

from producer.append import OUTAGES, Batch
from producer.backpressure import MemoryWatch
from producer.errors import InvalidMessageError, NotAcceptedError
from producer.messages import ImageMessage, build_message
from producer.names import Names, OpenLane, check_lane
from producer.server import connect, show_server
from producer.urls import default_broker_url
from producer.waker import Waker

BATCH = 1000
"""Messages of one round trip, and the most that is held back while the server is away."""

PATIENCE_S = 30.0
"""Seconds that a producer waits for a server which is away: a restart takes less."""

Sendable = ImageMessage | Mapping[str, Any] | str
"""A message, its fields, or just a URL."""


class Producer:
    """Puts images on the streams of one archive; one instance may serve many threads.

    An image is accepted when `send` or `send_many` has returned its id: then the server has answered. While
    the server is away they wait, up to `patience_s`.

        with Producer("redis://localhost:6379/0") as producer:
            producer.send("https://example.org/a.jpg", source="sharechat")
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
        self.server = connect(redis_url)
        self._waker = Waker(self.names, broker_url or default_broker_url(redis_url))
        self._shown = show_server(redis_url)
        self._patience_s = patience_s
        self._memory = MemoryWatch()

    def send(  # noqa: PLR0913 - the contract's fields
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
        self.append([message], lane=lane)
        return message.image_id

    def send_many(self, messages: Iterable[Sendable], *, lane: OpenLane = "live") -> list[str]:
        """Append images a thousand at a time and give their ids, in the order given; each is accepted.

        `messages` may be a generator: no more than a thousand are held at once.

        Raises:
            InvalidMessageError: A message breaks the contract; those before it are accepted, see `accepted`.
            NotAcceptedError: The server is away, full, or refuses: the subclass says which; see `accepted`.
        """
        accepted: list[str] = []
        for batch, problem in batches(messages):
            try:
                self.append(batch, lane=lane)
            except NotAcceptedError as error:
                error.accepted[:0] = accepted
                raise
            accepted += [message.image_id for message in batch]
            if problem is not None:
                problem.accepted = accepted
                raise problem
        return accepted

    def prepare(self) -> None:
        """Load what the first wake-up needs, so that no image waits for it."""
        self._waker.prepare()

    def count_waiting(self, lane: OpenLane, *, patience_s: float | None = None) -> int:
        """Count the entries of a lane, those being worked on included.

        Raises:
            NotAcceptedError: The server is away or refuses; the subclass says which.
        """
        batch = Batch(
            [], server=self._shown, patience_s=self._patience_s if patience_s is None else patience_s
        )
        while True:
            try:
                return int(self.server.xlen(self.names.stream(lane)))
            except OUTAGES as problem:
                time.sleep(batch.note_outage(problem))
            except ResponseError as problem:
                raise batch.refusal(problem) from None

    def append(self, messages: Sequence[ImageMessage], *, lane: OpenLane) -> int:
        """Append checked messages in one round trip and give the length of the lane.

        Raises:
            NotAcceptedError: The server is away, full, or refuses; the subclass says which.
        """
        check_lane(lane)
        batch = Batch(messages, server=self._shown, patience_s=self._patience_s)
        while batch.remaining:
            try:
                self.check_memory(batch)
                pipeline = self.server.pipeline(transaction=False)
                batch.add_commands(pipeline, self.names, lane)
                replies = pipeline.execute(raise_on_error=False)
            except OUTAGES as problem:
                time.sleep(batch.note_outage(problem))
                continue
            if batch.note_replies(replies):
                self._waker.send()
            if batch.remaining:
                if batch.met_replica:
                    # The next connection finds the primary, where a name or a proxy leads to it by now.
                    self.server.connection_pool.disconnect(inuse_connections=False)
                time.sleep(batch.note_outage())
        return batch.waiting

    def check_memory(self, batch: Batch) -> None:
        """Ask the server once a second at most how full it is.

        Raises:
            ArchiveFullError: Too full to append `batch`.
        """
        if self._memory.is_due:
            try:
                self._memory.note_answer(self.server.info("memory"))
            except ResponseError:
                self._memory.note_forbidden()
        if self._memory.is_full:
            raise batch.note_full()

    def drop_known(self, messages: Sequence[ImageMessage]) -> list[ImageMessage]:
        """Give those whose ids the archive has not recorded, in one round trip.

        Reads the buckets `ids:…` (hash, id to number).

        Raises:
            NotAcceptedError: The server is away, or refuses to tell; the subclass says which.
        """
        batch = Batch(messages, server=self._shown, patience_s=self._patience_s)
        while True:
            pipeline = self.server.pipeline(transaction=False)
            for message in messages:
                pipeline.hexists(self.names.ids(message.image_id), message.image_id)
            try:
                known = pipeline.execute()
            except OUTAGES as problem:
                time.sleep(batch.note_outage(problem))
            except ResponseError as problem:
                raise batch.refusal(problem) from None
            else:
                return [message for message, is_known in zip(messages, known, strict=True) if not is_known]

    def close(self) -> None:
        """Close the connections; nothing is waiting here, since every answer has been awaited."""
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def batches(messages: Iterable[Sendable]) -> Iterable[tuple[list[ImageMessage], InvalidMessageError | None]]:
    """Cut `messages` into checked batches; the last one comes with the error that ended it, if one did."""
    batch: list[ImageMessage] = []
    for given in messages:
        try:
            batch.append(_as_message(given))
        except InvalidMessageError as problem:
            yield batch, problem
            return
        if len(batch) == BATCH:
            yield batch, None
            batch = []
    if batch:
        yield batch, None


def _as_message(given: Sendable) -> ImageMessage:
    if isinstance(given, ImageMessage):
        return given
    return build_message(url=given) if isinstance(given, str) else build_message(**given)
