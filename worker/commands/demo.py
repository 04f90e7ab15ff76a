"""`lookalike demo`: the main job, end to end, on this machine, leaving nothing behind."""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from producer import Producer
from producer.server import connect
from producer.wording import count
from worker import __file__ as package_file
from worker.commands.output import (
    describe_alert,
    exit_statuses,
    json_option,
    note,
    print_json,
    print_row,
    short_url,
)
from worker.embedded import IN_MEMORY, EmbeddedServer
from worker.errors import ServiceError
from worker.image_server import ImageServer
from worker.interrupts import Interrupts
from worker.keyspace import Keyspace
from worker.processes import start_page, start_worker, stop_process
from worker.reading.statistics import read_stats, read_status

if TYPE_CHECKING:
    import subprocess

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".heic"}
PROGRESS_TIMEOUT_S = 60.0
ARCHIVE = "demo"


@click.command(
    epilog=f"""\b
Examples:
  lookalike demo
  lookalike demo --images ~/Pictures
  lookalike demo --keep-running          # and look at the pictures
  lookalike demo --json | jq .data.matches

{exit_statuses({69: "something did not start, or nothing went on", 78: ""})}"""
)
@click.option(
    "--images",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Your own folder of images.  [default: 46 images that come along]",
)
@click.option("--keep-running", is_flag=True, help="Serve the page afterwards, until Ctrl-C.")
@json_option
def demo(folder: Path | None, *, keep_running: bool, as_json: bool) -> None:
    """Send images through the real service on an embedded server, and print each alert as it comes.

    A Valkey server, a Celery worker with two children, an HTTP server for the images, and a producer. After the end no
    process and no file is left.
    """
    folder = (folder or _demo_folder()).absolute()
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    paths = sorted(found, key=_originals_first)
    if not paths:
        raise click.UsageError(f"no images in {folder}: files named {', '.join(sorted(SUFFIXES))} are taken")

    with Interrupts() as interrupts, ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalike-")))
        server = stack.enter_context(EmbeddedServer(home / "data", config=IN_MEMORY))
        images = stack.enter_context(ImageServer(folder))
        (home / "tmp").mkdir()
        environment = {
            "TMPDIR": str(home / "tmp"),
            "LOOKALIKE_REDIS_URL": server.url,
            "LOOKALIKE_BROKER_URL": "",
            "LOOKALIKE_ARCHIVE": ARCHIVE,
            "LOOKALIKE_STATE_DIR": str(home / "state"),
            "LOOKALIKE_CACHE_DIR": str(home / "cache"),
            "LOOKALIKE_ALLOW_NETWORKS": "127.0.0.0/8",
            "LOOKALIKE_THUMBNAILS": (home / "thumbnails").as_uri(),
        }
        worker = start_worker(environment, concurrency=2, log=home / "worker.log")
        stack.callback(stop_process, worker)
        page = _start_page(environment, stack) if keep_running else None
        client = stack.enter_context(connect(server.url))
        keys = Keyspace(ARCHIVE)
        interrupts.check()

        started = time.monotonic()
        with Producer(server.url, ARCHIVE) as producer:
            producer.send_many({"url": images.url(path), "source": "demo"} for path in paths)
        with _progress() as progress:
            task = progress.add_task("images", total=len(paths))
            done, moved_at = -1, time.monotonic()
            for stats, event in _follow(client, keys, interrupts, total=len(paths)):
                if event is not None:
                    # The bar must not run into the lines above it.
                    if progress.console.is_interactive:
                        progress.stop()
                    print_json(event) if as_json else print_row(describe_alert(event, show_url=short_url))
                    if progress.console.is_interactive:
                        progress.start()
                if stats["images"] + stats["failures"] != done:
                    done, moved_at = stats["images"] + stats["failures"], time.monotonic()
                    progress.update(task, completed=done)
                if worker.poll() is not None or time.monotonic() - moved_at > PROGRESS_TIMEOUT_S:
                    tail = (home / "worker.log").read_text(errors="replace")[-2000:]
                    raise ServiceError(f"the worker does not go on; the end of its log:\n{tail}")
        stats["seconds"] = round(time.monotonic() - started, 1)
        click.echo(_summary(stats), err=as_json)
        if page is not None:
            _keep_running(page, interrupts)


def _start_page(environment: Mapping[str, str], stack: ExitStack) -> "subprocess.Popen[bytes]":
    page = start_page(environment)
    if page is None:
        raise ServiceError("the page needs lookalike[web]: install it")
    stack.callback(stop_process, page)
    return page


def _keep_running(page: "subprocess.Popen[bytes]", interrupts: Interrupts) -> None:
    if page.poll() is None:
        note("the page stays until Ctrl-C; it alone reaches this archive")
    interrupts.wait(lambda: page.poll() is not None)
    raise ServiceError(f"the page ended with status {page.returncode}")


def _originals_first(path: Path) -> tuple[bool, str]:
    """Order the altered copies of the demo, `name__change.jpg`, behind what they were made of."""
    return "__" in path.stem, path.name


def _demo_folder() -> Path:
    package = Path(package_file).parent
    packaged = package / "demo_images"
    return packaged if packaged.is_dir() else package.parent / "demo"


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
        transient=True,
    )


def _follow(
    client: redis.Redis, keys: Keyspace, interrupts: Interrupts, *, total: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Give the counts, with each alert as it comes, until every image has ended."""
    last = "0"
    is_over = False
    while True:
        interrupts.check()
        status = read_status(client, keys)
        stats = read_stats(client, keys)
        rows: list[Any] = client.xrange(keys.alerts, min=f"({last}" if last != "0" else "-", max="+") or []
        for entry_id, fields in rows:
            last = entry_id.decode()
            yield stats, json.loads(fields[b"event"])
        yield stats, None
        if is_over and not rows:
            return
        is_over = (
            not any(status["waiting"].values())
            and not status["in_flight"]
            and not status["delayed"]
            and stats["images"] + stats["failures"] >= min(total, 1)
        )
        interrupts.wait(lambda: False, timeout_s=0.05)


def _summary(stats: dict[str, Any]) -> str:
    return (
        f"\n{count(stats['images'], 'image')} in {count(stats['clusters'], 'cluster')}, "
        f"{stats['clusters_by_min_size']['2']} of them of two or more; "
        f"{count(stats['alerts'], 'alert')}, {count(stats['failures'], 'failure')}; {stats['seconds']} seconds"
    )
