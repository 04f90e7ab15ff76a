"""The Celery app: `celery -A worker.app worker`. Celery runs the processes and carries wake-ups, never an image.

This module is a process entry: settings are read here, once, and passed down.
"""

import logging
import os
import signal
import sys
import threading
import time
import warnings
from functools import partial
from typing import Any

from billiard.pool import EX_RECYCLE
from celery import Celery, bootsteps
from celery.concurrency import get_implementation
from celery.concurrency.prefork import TaskPool
from celery.exceptions import SecurityWarning
from celery.signals import worker_init, worker_process_init, worker_process_shutdown, worker_shutting_down
from redis.exceptions import RedisError

from producer.broker import kombu_broker
from producer.names import DRAIN_TASK, Names
from producer.queue import Producer
from producer.wake import send_wake_up, wake_up
from worker.bridge import Bridge, taken_messages
from worker.broker import BrokerConnection
from worker.child import Child
from worker.commands.session import find_settings
from worker.errors import ArchiveMissingError, ConfigurationError
from worker.limits import die_with_parent, limit_memory
from worker.misspelt import tell_misspelt
from worker.parent import Parent

logger = logging.getLogger(__name__)

# Each wake-up would be two lines, of which none tells of an image.
for _name in ("celery.worker.strategy", "celery.app.trace"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# Six lines on messages that hold code, when root runs it: ours are JSON. What root does mean here the parent tells.
warnings.filterwarnings("ignore", category=SecurityWarning)

_REPLACE_EVERY_S = 0.1
_TRY_EVERY_S = 1.0
_RETIRE_AFTER_S = 0.2
_TELL_EVERY_S = 60.0


class _Step(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    def terminate(self, worker: Any) -> None:  # noqa: ANN401 - Celery's worker has no type
        """End like a stop."""
        self.stop(worker)


class SweeperStep(_Step):
    """Sweeps for as long as the worker's pool runs."""

    requires = frozenset({"celery.worker.components:Pool"})

    def start(self, worker: Any) -> None:  # noqa: ANN401 - Celery's worker has no type
        """Begin when the pool has been forked."""
        if _process.parent is not None:
            _process.parent.start_sweeping(
                # Past the key `wake`, which busy children hold: this worker's idle child shall have a wake-up.
                wake=partial(send_wake_up, _names, app),
                concurrency=worker.concurrency,
            )

    def stop(self, _: Any) -> None:  # noqa: ANN401 - as above
        """End before the pool does; the lock goes with the process."""
        if _process.parent is not None:
            _process.parent.close()


class ReplaceStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Replaces dead children within a tenth of a second, and frees what they held in the same moment.

    Celery looks once, at the moment in which a child's files are closed, when its parent often cannot collect it yet;
    and then each five seconds.
    """

    requires = frozenset({"celery.worker.components:Pool"})

    def start(self, worker: Any) -> None:  # noqa: ANN401 - Celery's worker has no type
        """Replace, too, those that die while the worker starts: Celery would end."""
        worker.pool.did_start_ok = lambda: True

    def register_with_event_loop(self, worker: Any, hub: Any) -> None:  # noqa: ANN401 - Celery's have no types
        """Look in Celery's own loop, since nothing else may fork."""
        pool = worker.pool._pool  # noqa: SLF001 - billiard's, which alone tells of a child that it has collected
        collected = pool.on_process_down

        def on_process_down(process: Any) -> None:  # noqa: ANN401 - as above
            collected(process)
            if _process.parent is not None:
                _process.parent.sweep_now()

        pool.on_process_down = on_process_down
        hub.call_repeatedly(_REPLACE_EVERY_S, worker.pool.maintain_pool)


class BridgeStep(_Step):
    """Takes `lookalike.enqueue` for as long as the worker's pool runs."""

    requires = frozenset({"celery.worker.components:Pool"})

    def start(self, _: Any) -> None:  # noqa: ANN401 - Celery's worker has no type
        """Begin when the pool has been forked."""
        producer = Producer(
            app.settings.redis_url.get_secret_value(),
            app.settings.archive,
            broker_url=app.settings.broker,
            patience_s=0,
        )
        connection = app.connection_for_read(transport_options=taken_messages(producer.names.enqueue_queue))
        _process.bridge = Bridge(connection, producer)
        _process.bridge.start()

    def stop(self, _: Any) -> None:  # noqa: ANN401 - as above
        """End; what was not acknowledged goes back to its queue."""
        _stop_bridge()


class PatienceStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Lets the worker outlive whatever comes from its broker, at one try a second.

    Celery waits where it cannot connect, but not where it can and is then refused, as at `maxmemory`; and it ends at
    what is no message, which kombu has taken out of the list by then.
    """

    def __init__(self, consumer: Any, **_: object) -> None:  # noqa: ANN401 - Celery's consumer has no type
        consumer.channel_errors += (ValueError, TypeError, AttributeError)
        self._ended_at = float("-inf")

    def stop(self, _: Any) -> None:  # noqa: ANN401 - as above
        """End a try: Celery begins the next one at once."""
        if _process.parent is None or _process.parent.is_stopping():
            return
        time.sleep(max(0.0, self._ended_at + _TRY_EVERY_S - time.monotonic()))
        self._ended_at = time.monotonic()


class _Process:
    """What this process is: a worker's parent, or, after the fork, one of its children."""

    def __init__(self) -> None:
        self.parent: Parent | None = None
        self.child: Child | None = None
        self.bridge: Bridge | None = None
        self.is_retired = False
        self.complained_at = float("-inf")


_process = _Process()


def _make_app() -> Celery:
    tell_misspelt()
    try:
        # As for the verbs: the environment's server, else the embedded one of this folder.
        loaded = find_settings()
    except ConfigurationError as error:
        sys.exit(_refuse(error))
    broker_url, transport_options = kombu_broker(loaded.broker)
    made = Celery("lookalike", broker=broker_url)
    made.amqp.Connection = BrokerConnection
    made.conf.update(
        accept_content=["json"],
        # What the broker refuses, for want of memory or as a replica, passes like an outage.
        broker_channel_error_retry=True,
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            **transport_options,
        },
        result_backend=None,
        task_acks_late=False,
        task_default_queue=Names(loaded.archive).queue,
        task_ignore_result=True,
        task_serializer="json",
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_concurrency=loaded.concurrency,
        # A drain that was lost with its child would count as running for ever.
        worker_enable_prefetch_count_reduction=False,
        worker_enable_remote_control=False,
        worker_prefetch_multiplier=1,
        worker_proc_alive_timeout=60.0,
        worker_send_task_events=False,
    )
    made.steps["worker"].update({SweeperStep, ReplaceStep, BridgeStep})
    made.steps["consumer"].add(PatienceStep)
    made.settings = loaded
    return made


def _refuse(error: ConfigurationError) -> int:
    sys.stderr.write(f"lookalike: {error}\n")
    return error.exit_status


app = _make_app()
_names = Names(app.settings.archive)


def _wake(client: Any) -> bool:  # noqa: ANN401 - redis-py's client, sync
    return wake_up(client, _names, app)


@worker_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _open_parent(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's worker has no type
    if not issubclass(get_implementation(sender.pool_cls), TaskPool):
        raise SystemExit(
            _refuse(ConfigurationError("only the pool `prefork` decodes within limits: leave out -P"))
        )
    # Workers have nothing to tell each other; as options these work for `celery -A worker.app worker` too.
    sender.options.update(without_gossip=True, without_mingle=True, without_heartbeat=True)
    _process.parent = Parent(app.settings)
    try:
        _process.parent.open()
    except ConfigurationError as error:
        _process.parent.close()
        raise SystemExit(_refuse(error)) from None


@worker_shutting_down.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _begin_stop(**_: object) -> None:
    if _process.parent is not None:
        _process.parent.begin_stop(first=_stop_bridge)


def _stop_bridge() -> None:
    if _process.bridge is not None:
        _process.bridge.stop()


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _become_child(**_: object) -> None:
    # A child never outlives its parent, whatever it is doing.
    die_with_parent(signal.SIGKILL)
    limit_memory(app.settings.child_memory)
    if _process.parent is not None:
        _process.parent.lock.leave_to_parent()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _close_child(**_: object) -> None:
    if _process.child is not None:
        _process.child.close()


@app.task(name=DRAIN_TASK)  # type: ignore[untyped-decorator]  # Celery has no types
def drain() -> None:
    """Work on the archive's streams until nothing waits; without arguments, since the streams carry the work."""
    parent = _process.parent
    if parent is None or _process.is_retired:
        return
    try:
        if _process.child is None:
            _process.child = Child(
                app.settings,
                uuid=parent.uuid,
                parent=parent.lock.name,
                wake=_wake,
                stopping=parent.is_stopping,
            )
        _process.child.drain()
    except ArchiveMissingError as error:
        if time.monotonic() - _process.complained_at >= _TELL_EVERY_S:
            _process.complained_at = time.monotonic()
            logger.error("work stopped: %s", error)  # noqa: TRY400 - the server, not this line, is the cause
    except (RedisError, OSError) as error:
        logger.warning("drain ended: %s", type(error).__name__)
    if _process.child is not None and _process.child.pipeline.images >= app.settings.images_per_child:
        _retire(_process.child)


def _retire(child: Child) -> None:
    """End this process once its task has been answered; Celery forks another one.

    Memory that decoders written in C have lost comes back this way. Celery's own limit counts tasks, not images.
    """
    _process.is_retired = True
    _process.child = None
    child.close()
    threading.Thread(target=partial(_exit_after, _RETIRE_AFTER_S), daemon=True).start()


def _exit_after(seconds: float) -> None:
    time.sleep(seconds)
    os._exit(EX_RECYCLE)
