"""The bridge for programs that already speak Celery: the task `lookalike.enqueue` becomes an entry of a stream.

It runs on a thread in the parent of every worker, with a queue of its own: in a child it would wait behind a drain that
lasts as long as a backlog does. A message is acknowledged when its image is accepted, so a worker that dies in between
costs a repetition, which the image's id makes harmless.
"""

import logging
import threading
from typing import Any

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.messaging import Consumer
from kombu.mixins import ConsumerMixin

from producer.bridge import enqueue_image
from producer.errors import InvalidMessageError, NotAcceptedError
from producer.names import ENQUEUE_TASK
from producer.queue import Producer

logger = logging.getLogger(__name__)

PREFETCH = 100
TRY_AGAIN_AFTER_S = 1.0
VISIBLE_AFTER_S = 60
"""Seconds after which kombu hands on what a killed worker had taken and not acknowledged; an hour by default.

It may be short: a task takes a millisecond, and one that waits for a full server longer than this is only repeated.
"""

LOOK_EVERY_S = 0.2
"""How soon a stop is noticed."""


def taken_messages(queue: str) -> dict[str, object]:
    """Give kombu's options for what the bridge has taken from `queue` and not acknowledged.

    It is kept apart: kombu looks after all that was taken in a database, by the patience of whoever looks, and other
    projects' tasks in the same one may take as long as they like.
    """
    return {
        "visibility_timeout": VISIBLE_AFTER_S,
        "unacked_key": f"{queue}.unacked",
        "unacked_index_key": f"{queue}.unacked_index",
        "unacked_mutex_key": f"{queue}.unacked_mutex",
        # A worker that is killed while it looks keeps all others from looking, until its lock expires.
        "unacked_mutex_expire": VISIBLE_AFTER_S,
    }


class Bridge(ConsumerMixin):
    """Takes `lookalike.enqueue` from the broker and appends its image; reconnects by itself, for as long as it runs."""

    def __init__(self, connection: Connection, producer: Producer) -> None:
        self.connection = connection
        self._producer = producer
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bridge", daemon=True)

    def start(self) -> None:
        """Begin, on a thread."""
        # It tells each lost connection with a traceback; `on_connection_error` and Celery tell it in a line.
        logging.getLogger("kombu.mixins").setLevel(logging.ERROR)
        self._thread.start()

    def stop(self) -> None:
        """End; what was not acknowledged goes back to the queue."""
        self.should_stop = True
        self._stopped.set()
        self._thread.join(timeout=2)
        self._producer.close()

    def get_consumers(self, consumer: type[Consumer], channel: object) -> list[Consumer]:  # noqa: ARG002 - kombu's
        """Consume the bridge's queue."""
        queue = Queue(self._producer.names.enqueue_queue)  # type: ignore[no-untyped-call]  # kombu has few types
        return [consumer([queue], callbacks=[self._handle], accept=["json"], prefetch_count=PREFETCH)]

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        """Say that the broker is away; kombu waits `interval` seconds before its next try."""
        logger.warning("the bridge waits %s s for its broker: %s", interval, type(exc).__name__)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.run(safety_interval=LOOK_EVERY_S)  # type: ignore[no-untyped-call]  # kombu has few types
            except Exception as error:  # noqa: BLE001 - a thread that ended here would leave the queue for ever
                # As for what is no message: kombu has taken it out of the list when it raises.
                logger.error("the bridge begins again: %s", type(error).__name__)  # noqa: TRY400 - not ours
                self._stopped.wait(TRY_AGAIN_AFTER_S)

    def _handle(self, body: Any, message: Any) -> None:  # noqa: ANN401 - whatever somebody has sent
        while not self._stopped.is_set():
            try:
                if message.headers.get("task") != ENQUEUE_TASK:
                    raise ValueError("another task")  # noqa: TRY301 - one place drops what is none of ours
                args, kwargs, _ = body
                enqueue_image(self._producer, *args, **kwargs)
            except NotAcceptedError as error:
                logger.warning("the bridge waits: %s", error)
                self._stopped.wait(TRY_AGAIN_AFTER_S)
            except (InvalidMessageError, AttributeError, TypeError, ValueError) as error:
                logger.error("no good %s is dropped: %s", ENQUEUE_TASK, error)  # noqa: TRY400
                message.ack()
                return
            else:
                message.ack()
                return
