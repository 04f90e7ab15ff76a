"""From arguments to an exit status: what is built for one run, and what is told at its end."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from producer.arguments import Arguments
from producer.checkpoint import Checkpoint, CheckpointError
from producer.enqueue import Run
from producer.errors import ArchiveFullError, NotAcceptedError, ServerRefusedError, ServerUnavailableError
from producer.once import OtherRunError, StepProducer
from producer.progress import make_teller
from producer.queue import BATCH
from producer.rejects import Rejects
from producer.roots import FILE_ROOTS, find_unreadable
from producer.server import advise, find_server, show_server
from producer.sinks import Direct, DryRun, Once, Sink
from producer.sources import Source
from producer.steps import Counts
from producer.urls import redact_url
from producer.wording import count

PARTIAL = 3
UNAVAILABLE = 69
TEMPORARY = 75
CONFIGURATION = 78
INTERRUPTED = 130

FIRST_PATIENCE_S = 1.0
"""Seconds that a server may be away when a run begins; later on the producer's own patience holds."""


def run(arguments: Arguments, sources: Sequence[Source]) -> int:
    """Send what the sources hold and give the exit status."""
    begun = time.monotonic()
    try:
        server = find_server(os.environ, Path.cwd())
        shown = show_server(server.redis_url)
        target = f"{shown}, archive {server.archive}, lane {arguments.lane}"
        checkpoint = Checkpoint(arguments.checkpoint, target=target)
        earlier = checkpoint.counts.accepted
        for source in sources:
            checkpoint.position(source)
        producer = StepProducer(server.redis_url, server.archive, broker_url=server.broker_url)
    except ValueError as error:
        click.echo(f"lookalike enqueue: {error}", err=True)
        return CONFIGURATION
    counts = checkpoint.counts
    with producer:
        try:
            _greet(producer, arguments)
            producer.prepare()
            sink = _make_sink(arguments, producer, checkpoint)
            earlier = counts.accepted
            _send(arguments, sources, sink, checkpoint)
            problem, status = "", PARTIAL if counts.bad else 0
        except NotAcceptedError as error:
            problem, status = error.problem, _status(error)
        except KeyboardInterrupt:
            problem, status = "interrupted", INTERRUPTED
        except (OSError, OtherRunError) as error:
            problem, status = str(error), TEMPORARY
        except CheckpointError as error:
            problem, status = str(error), CONFIGURATION
    if problem:
        done = f"; {count(counts.accepted, 'image')} accepted" if counts.accepted else ""
        again = ", and the same command goes on from there" if done and arguments.checkpoint else ""
        click.echo(f"lookalike enqueue: {problem}{done}{again}", err=True)
    if arguments.as_json or not problem:
        _show_summary(arguments, counts, earlier=earlier, seconds=time.monotonic() - begun)
    return status


def run_dry(arguments: Arguments, sources: Sequence[Source]) -> int:
    """Check what the sources hold, show the first messages and give the exit status."""
    sink = DryRun()
    checkpoint = Checkpoint(None, target="")
    counts = checkpoint.counts
    _send(arguments, sources, sink, checkpoint)
    for message in sink.first:
        told = {"id": message.image_id, **message.model_dump(mode="json", exclude_none=True)}
        told["url"] = redact_url(message.url)
        if message.page_url is not None:
            told["page_url"] = redact_url(message.page_url)
        click.echo(json.dumps(told, ensure_ascii=not arguments.as_json))
    if arguments.as_json:
        click.echo(json.dumps({"valid": counts.accepted, "bad": counts.bad}))
    elif not arguments.quiet:
        click.echo(f"{count(counts.accepted, 'image')}, bad lines: {counts.bad:,}; nothing was sent")
    return PARTIAL if counts.bad else 0


def _greet(producer: StepProducer, arguments: Arguments) -> None:
    """Ask the server for the first time; one that is not there now will hardly come by itself."""
    try:
        producer.count_waiting(arguments.lane, patience_s=FIRST_PATIENCE_S)
    except ServerUnavailableError as error:
        error.problem += f": {advise(os.environ)}"
        raise


def _make_sink(arguments: Arguments, producer: StepProducer, checkpoint: Checkpoint) -> Sink:
    if arguments.checkpoint is None:
        return Direct(producer)
    last = producer.last_step(checkpoint.run)
    if last is not None and (lost := checkpoint.catch_up(last)):
        click.echo(
            f"lookalike enqueue: the server has lost the last {count(lost, 'batch', 'batches')} that it had accepted, "
            f"of {BATCH:,} images at most (a failover, or a restored backup): send all once more with another "
            "checkpoint, which is harmless",
            err=True,
        )
    return Once(producer, run=checkpoint.run)


def _send(arguments: Arguments, sources: Sequence[Source], sink: Sink, checkpoint: Checkpoint) -> None:
    goes_on = arguments.checkpoint is not None and arguments.checkpoint.exists()
    with (
        Rejects(arguments.rejects, goes_on=goes_on) as rejects,
        make_teller(checkpoint.counts, sources, is_quiet=arguments.quiet) as teller,
    ):
        if not arguments.base_url and not arguments.quiet:
            for folder in find_unreadable(sources, os.environ)[:1]:
                teller.tell(
                    f"lookalike enqueue: {FILE_ROOTS} does not name {folder} here: workers refuse files from there "
                    f"unless it was set where they were started"
                )
        Run(
            sink,
            arguments.mapping(),
            arguments.options(),
            checkpoint=checkpoint,
            rejects=rejects,
            reporter=teller,
        ).send(sources)


def _status(error: NotAcceptedError) -> int:
    if isinstance(error, ArchiveFullError):
        return TEMPORARY
    return CONFIGURATION if isinstance(error, ServerRefusedError) else UNAVAILABLE


def _show_summary(arguments: Arguments, counts: Counts, *, earlier: int, seconds: float) -> None:
    """Tell what became of all that was read; `earlier` images of it were accepted by earlier runs."""
    if arguments.as_json:
        click.echo(json.dumps({**asdict(counts), "earlier": earlier, "seconds": round(seconds, 3)}))
    elif not arguments.quiet:
        before = f", {earlier:,} of them by earlier runs" if earlier else ""
        known = f", {counts.known:,} known" if arguments.skip_known else ""
        click.echo(
            f"{count(counts.accepted, 'image')} accepted{before}{known}, bad lines: {counts.bad:,}, {seconds:.1f} s"
        )
