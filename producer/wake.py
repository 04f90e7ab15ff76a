"""Wakes the workers: a Celery task without a payload, sent by whoever takes the key `wake`.

A wake-up that is lost, doubled or late is harmless: the sweeper in each worker sends another one.
"""

import logging
from typing import TYPE_CHECKING

from celery import Celery
from kombu.connection import Connection
from kombu.exceptions import ChannelError

from producer.broker import kombu_broker
from producer.names import DRAIN_TASK, WAKE_EXPIRES_S, WAKE_TTL_MS, Names

if TYPE_CHECKING:
    import redis

WAKE_TIMEOUT_S = 1.0
"""Seconds that sending one wake-up may take."""

ENOUGH = 100
"""Wake-ups in the broker's list beyond which none is added: nobody reads them, and a worker that comes finds these."""

_IMPATIENT = {
    "max_retries": 0,
    "socket_connect_timeout": WAKE_TIMEOUT_S / 2,
    "socket_timeout": WAKE_TIMEOUT_S / 2,
}
"""kombu's options for it, of whichever app: it waits for ever by default."""

_log = logging.getLogger(__name__)


def make_celery_app(broker_url: str, names: Names) -> Celery:
    """Make the Celery app that sends wake-ups: it neither becomes the current app nor keeps results."""
    url, options = kombu_broker(broker_url)
    app = Celery("lookalike-producer", broker=url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_transport_options=options,
        task_default_queue=names.queue,
        task_ignore_result=True,
        task_serializer="json",
    )
    return app


def wake_up(server: "redis.Redis", names: Names, app: Celery) -> bool:
    """Wake a worker unless somebody has just done so; say whether a wake-up was sent.

    Takes the key `wake` (string). Raises what `server` raises; trouble with the broker is logged.
    """
    return take_wake(server, names) and send_wake_up(names, app)


def take_wake(server: "redis.Redis", names: Names) -> bool:
    """Say whether it falls to the caller to send the next wake-up: to one caller each 2 s."""
    return bool(server.set(names.wake, "1", nx=True, px=WAKE_TTL_MS))


def send_wake_up(names: Names, app: Celery) -> bool:
    """Send one wake-up within a second, and say whether it went out; trouble with the broker is logged."""
    # A connection of its own: wake-ups are rare, and a pooled one outlives a fork or the broker's restart.
    # The app's own URL: Celery would let CELERY_BROKER_URL of the surrounding program override it.
    try:
        with app.connection_for_write(
            app.conf["broker_url"], connect_timeout=WAKE_TIMEOUT_S, transport_options=_IMPATIENT
        ) as connection:
            if _count_unread(connection, names.queue) >= ENOUGH:
                return False
            app.send_task(
                DRAIN_TASK,
                connection=connection,
                queue=names.queue,
                expires=WAKE_EXPIRES_S,
                ignore_result=True,
                add_to_parent=False,
                retry=False,
            )
    except Exception as error:  # noqa: BLE001 - kombu has twenty transports, and a wake-up may be lost
        _log.warning("no wake-up sent (%s); the workers find the images within seconds", type(error).__name__)
        return False
    return True


def _count_unread(connection: Connection, queue: str) -> int:
    """Count the wake-ups in a Redis broker's list; other brokers drop expired messages by themselves."""
    if connection.transport.driver_type != "redis":
        return 0
    try:
        unread = connection.default_channel.queue_declare(queue, passive=True)  # type: ignore[no-untyped-call]  # kombu has few types
    except ChannelError:
        # There is no such list: it is empty.
        return 0
    return int(unread.message_count)
