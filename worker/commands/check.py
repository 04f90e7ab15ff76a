"""`lookalike check`: whether the archive agrees with itself, and what to do where it does not."""

import sys

import click

from worker.commands.output import exit_statuses, json_option, note, print_json, print_row
from worker.commands.session import find_uuid, open_session
from worker.reading.checking import check_archive

DISAGREES = 1


@click.command(
    epilog=f"""\b
Examples:
  lookalike check
  lookalike check --json | jq 'select(.count > 0)'

{exit_statuses({DISAGREES: "something does not agree"})}"""
)
@json_option
def check(*, as_json: bool) -> None:
    """Count what must agree: entries and their owners, clusters and records, the log and its seals.

    It only reads, and may run while workers work. It reads the whole archive: about a minute for a million images.
    """
    _, client, keys = open_session()
    find_uuid(client, keys)
    findings = check_archive(client, keys)
    for finding in findings:
        if as_json:
            print_json({"name": finding.name, "count": finding.count, "advice": finding.advice})
        else:
            print_row(f"{finding.count:>13,}  {finding.told}")
    wrong = [finding for finding in findings if finding.count]
    for finding in wrong:
        note(f"{finding.name}: {finding.advice}")
    if wrong:
        sys.exit(DISAGREES)
