"""`lookalike status`: what waits, and who works."""

import click

from producer.wording import noun
from worker.commands.output import exit_statuses, json_option, print_json, print_row
from worker.commands.session import find_uuid, open_session
from worker.reading.statistics import read_status


@click.command(
    epilog=f"""\b
Examples:
  lookalike status
  watch -n 1 lookalike status
  lookalike status --json | jq .waiting.live

{exit_statuses()}"""
)
@json_option
def status(*, as_json: bool) -> None:
    """Tell what waits in each lane, what is being worked on, and how many workers live."""
    _, client, keys = open_session()
    find_uuid(client, keys)
    told = read_status(client, keys)
    if as_json:
        print_json(told)
        return
    for lane, images in told["waiting"].items():
        print_row(f"{images:>13,}  waiting in {lane}")
    print_row(f"{told['in_flight']:>13,}  in flight")
    print_row(f"{told['delayed']:>13,}  delayed until their next attempt")
    print_row(
        f"{told['failures']:>13,}  {noun(told['failures'], 'failure')} kept: `lookalike failures` tells why"
    )
    print_row(f"{told['workers']:>13,}  {noun(told['workers'], 'worker')}")
