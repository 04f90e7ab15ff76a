"""`lookalike worker`: one worker, the same as `celery -A worker.app worker`."""

import os
import secrets

import click

from producer.server import REDIS_URL
from worker.commands.output import exit_statuses
from worker.commands.session import find_settings
from worker.processes import end_with_starter
from worker.settings import PREFIX


@click.command(
    epilog=f"""\b
Examples:
  lookalike worker
  lookalike worker --concurrency 4
  celery -A worker.app worker            # the same worker

{exit_statuses({0: "stopped by SIGTERM or Ctrl-C", 130: "interrupted before it ran"})}"""
)
@click.option(
    "--concurrency", type=click.IntRange(1, 256), help="Child processes.  [default: LOOKALIKE_CONCURRENCY, 2]"
)
@click.option("--with-starter", "starter", type=int, metavar="PID", hidden=True)
def worker(*, concurrency: int | None, starter: int | None) -> None:
    """Run a worker: download, hash, file, search and alert until it is stopped.

    SIGTERM and Ctrl-C give back what is in flight within 3 seconds; a second one ends at once.
    """
    if starter is not None:
        end_with_starter(starter)
    settings = find_settings()
    # Those that depend on the folder in which the command was given.
    os.environ[REDIS_URL] = settings.redis_url.get_secret_value()
    os.environ[f"{PREFIX}STATE_DIR"] = str(settings.state_dir)
    os.environ[f"{PREFIX}CACHE_DIR"] = str(settings.cache_dir)
    from worker.app import app  # noqa: PLC0415 - the app reads its settings from the environment

    if os.environ.get("NO_COLOR"):
        app.conf.worker_log_color = False
    app.worker_main(
        [
            "--quiet",
            "worker",
            f"--hostname=lookalike-{secrets.token_hex(4)}@%h",
            f"--concurrency={concurrency or settings.concurrency}",
            f"--loglevel={settings.log_level}",
        ]
    )
