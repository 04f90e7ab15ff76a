"""`lookalike failures`: what could not be done and why; and another try."""

import re
from itertools import islice

import click

from producer.wording import count
from worker.archive import find_archive
from worker.commands.output import exit_statuses, json_option, moment, note, print_json, print_row
from worker.commands.session import find_uuid, open_session
from worker.errors import REASONS
from worker.reading.failures import Failure, read_failures, try_again
from worker.records import iso_time
from worker.scripts import Scripts

_ENTRY_ID = re.compile("[0-9]{1,19}-[0-9]{1,19}")
"""Whole, and within the 64 bits of each part: the first part alone would mean a range."""

UNREPEATABLE = "bad_entry"
"""What no other try can mend: moved only where it is named."""


@click.group(
    invoke_without_command=True,
    epilog=f"""\b
Examples:
  lookalike failures | head
  lookalike failures --reason http_status --json | jq -r .url
  lookalike failures retry --reason timed_out

{exit_statuses()}""",
)
@click.option(
    "--reason", type=click.Choice(REASONS), metavar="REASON", help="Only those that failed for this reason."
)
@click.option("--limit", type=click.IntRange(min=0), default=0, help="Failures at most.  [default: all]")
@json_option
@click.pass_context
def failures(context: click.Context, *, reason: str | None, limit: int, as_json: bool) -> None:
    """List what could not be done and why, latest first. URLs are shown without query and user."""
    if context.invoked_subcommand is not None:
        return
    _, client, keys = open_session()
    uuid = find_uuid(client, keys)
    failure = None
    for failure in islice(read_failures(client, keys, reason=reason), limit or None):
        if as_json:
            print_json(
                {
                    "entry": failure.entry_id,
                    "id": failure.image_id,
                    "url": failure.url,
                    "reason": failure.reason,
                    "detail": failure.detail,
                    "attempts": failure.attempts,
                }
            )
        else:
            print_row(_describe(failure))
    if failure is None and uuid is not None and not as_json:
        note("no failures are kept" + (f" with the reason {reason}" if reason else ""))


@failures.command(
    epilog=f"""\b
Examples:
  lookalike failures retry 1763807000123-0
  lookalike failures retry --reason timed_out
  lookalike failures retry --all

{exit_statuses({1: "a named entry is no failure (any more)"})}"""
)
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option(
    "--reason", type=click.Choice(REASONS), metavar="REASON", help="All that failed for this reason."
)
@click.option("--all", "everything", is_flag=True, help=f"All, but those with the reason {UNREPEATABLE}.")
@click.pass_context
def retry(context: click.Context, *, entries: tuple[str, ...], reason: str | None, everything: bool) -> None:
    """Put failures back onto the backlog, as they were sent: by their `entry`, by reason, or all.

    Each is moved in one step: it is never lost, nor twice there.
    """
    if bool(entries) + bool(reason) + everything != 1:
        raise click.UsageError("name entries, or give --reason, or --all")
    for entry_id in entries:
        if not _ENTRY_ID.fullmatch(entry_id):
            raise click.UsageError(
                f"{entry_id!r} is no `entry` of `lookalike failures`, such as 1763807000123-0"
            )
    _, client, keys = open_session()
    scripts = Scripts(client, keys=keys, uuid=find_archive(client, keys=keys))
    named = entries or (
        failure.entry_id
        for failure in read_failures(client, keys, reason=reason)
        if reason or failure.reason != UNREPEATABLE
    )
    moved = 0
    missing: list[str] = []
    for entry_id, is_moved in try_again(scripts, keys, named):
        moved += is_moved
        if entries and not is_moved:
            missing.append(entry_id)
    note(f"{count(moved, 'image')} put back onto the backlog")
    if missing:
        note(f"no failure: {', '.join(missing)}")
        context.exit(1)


def _describe(failure: Failure) -> str:
    """Tell a failure for people, with its URL once: most details begin with it."""
    failed_at = moment(iso_time(int(failure.entry_id.partition("-")[0])) or "")
    attempts = count(failure.attempts, "attempt")
    told = f"{failure.entry_id}  {failed_at}  {failure.reason}, {attempts}: {failure.detail}"
    return told if not failure.url or failure.url in failure.detail.split() else f"{told}\n    {failure.url}"
