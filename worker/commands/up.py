"""`lookalike up`: everything on this machine, in one terminal."""

import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import redis
from redis.exceptions import RedisError

from producer.server import DATA_FOLDER, connect, show_url
from worker.alerts import Alert
from worker.commands.failure_notes import FailureNotes
from worker.commands.output import (
    describe_alert,
    exit_statuses,
    json_option,
    moment,
    note,
    print_json,
    print_row,
    whole_url,
)
from worker.commands.session import embedded_settings, is_server_given, open_session
from worker.embedded import DURABLE, EmbeddedServer
from worker.errors import ServiceError
from worker.interrupts import Interrupts
from worker.keyspace import Keyspace
from worker.processes import start_page, start_worker, stop_process
from worker.reading.alert_log import AlertLog
from worker.reading.statistics import read_counters, read_status
from worker.settings import PREFIX, Settings, load_settings

if TYPE_CHECKING:
    import subprocess

POLL_S = 0.1
LOOK_S = 1.0
"""Seconds between looks at what has failed."""


@click.command(
    epilog=f"""\b
Examples:
  lookalike up
  lookalike up --concurrency 4 --json > alerts.jsonl
  LOOKALIKE_REDIS_URL=redis://localhost:6379/0 lookalike up

{exit_statuses()}"""
)
@click.option(
    "--concurrency", type=click.IntRange(1, 256), help="Child processes.  [default: LOOKALIKE_CONCURRENCY, 2]"
)
@click.option("--no-web", is_flag=True, help="Without the page.")
@json_option
@click.pass_context
def up(context: click.Context, *, concurrency: int | None, no_web: bool, as_json: bool) -> None:
    """Run everything on this machine, in one terminal: logs on stderr, and alerts, as they come, on stdout.

    Without LOOKALIKE_REDIS_URL an embedded server keeps its data in ./lookalike-data, where the other verbs
    find it when they are used in the same folder. The page is at port 8077, or LOOKALIKE_WEB_PORT, of this
    machine. Ctrl-C and SIGTERM stop it in good order, and leave nothing running. Where the worker ends by
    itself, its exit status is passed on.
    """
    with Interrupts() as interrupts, ExitStack() as stack:
        settings = _start_server(stack)
        environment = {
            # What a worker that is killed leaves there goes with us.
            "TMPDIR": stack.enter_context(TemporaryDirectory(prefix="lookalike-")),
            f"{PREFIX}REDIS_URL": settings.redis_url.get_secret_value(),
            f"{PREFIX}STATE_DIR": str(settings.state_dir),
            f"{PREFIX}CACHE_DIR": str(settings.cache_dir),
            f"{PREFIX}THUMBNAILS": settings.thumbnails,
        }
        process = start_worker(environment, concurrency=concurrency or settings.concurrency)
        stack.callback(stop_process, process)
        page = None if no_web else start_page(environment)
        if page is not None:
            stack.callback(stop_process, page)
        try:
            _watch(settings, process, page, interrupts, as_json=as_json)
        except click.Abort:
            note("stopping")
            if interrupts.number == signal.SIGINT:
                raise
        else:
            context.exit(process.returncode if process.returncode > 0 else ServiceError.exit_status)


def _start_server(stack: ExitStack) -> Settings:
    """Start the embedded server unless another one is given; tell where it is."""
    if is_server_given():
        settings, client, _ = open_session()
        client.close()
    else:
        settings = load_settings(**embedded_settings(Path(DATA_FOLDER)))
        server = stack.enter_context(EmbeddedServer(Path(DATA_FOLDER), config=DURABLE))
        note(f"an embedded server keeps its data in {server.folder}")
    return settings


def _watch(
    settings: Settings,
    process: "subprocess.Popen[bytes]",
    page: "subprocess.Popen[bytes] | None",
    interrupts: Interrupts,
    *,
    as_json: bool,
) -> None:
    """Print each alert as it comes, and tell what fails, until a signal comes (click.Abort) or the worker ends."""
    url = settings.redis_url.get_secret_value()
    keys = Keyspace(settings.archive)
    with connect(url) as client:
        log = AlertLog(client, keys=keys)
        position = log.end()
        failures = FailureNotes(read_counters(client, keys))
        looked_at = time.monotonic()
        is_ready = is_away = False
        try:
            while not interrupts.wait(lambda: process.poll() is not None, timeout_s=POLL_S):
                if page is not None and page.poll() is not None:
                    note(f"the page has ended with status {page.returncode}: all else goes on without it")
                    page = None
                try:
                    for alert in log.read(position):
                        position = alert.entry_id
                        _print_alert(alert, as_json=as_json)
                    if not is_ready and read_status(client, keys)["workers"]:
                        is_ready = True
                        note(f"ready at {show_url(url)} (`lookalike enqueue` sends images, Ctrl-C stops)")
                    if time.monotonic() - looked_at >= LOOK_S:
                        looked_at = time.monotonic()
                        _tell_failures(failures, client, keys)
                    is_away = False
                except (RedisError, OSError) as error:
                    if not is_away:
                        note(f"the server is away ({type(error).__name__}); waiting for it")
                    is_away = True
        finally:
            # A server that hangs would hold up the stop once more.
            with suppress(RedisError, OSError):
                if not is_away:
                    _tell_failures(failures, client, keys, is_last=True)
    note(f"the worker ended with status {process.returncode}")


def _print_alert(alert: Alert, *, as_json: bool) -> None:
    if as_json:
        print_json(alert.event)
    else:
        print_row(f"{moment(alert.event['time'])}  {describe_alert(alert.event, show_url=whole_url)}")


def _tell_failures(
    failures: FailureNotes, client: redis.Redis, keys: Keyspace, *, is_last: bool = False
) -> None:
    told = failures.tell(read_counters(client, keys), now_s=time.monotonic(), is_last=is_last)
    if told is not None:
        note(told)
