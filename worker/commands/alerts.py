"""`lookalike alerts`: the alerts that are kept, and those that come."""

import re
import time

import click
import redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from worker.commands.output import (
    describe_alert,
    exit_statuses,
    json_option,
    moment,
    note,
    print_json,
    print_row,
    tell_contents,
    whole_url,
)
from worker.commands.session import find_uuid, open_session
from worker.keyspace import Keyspace
from worker.reading.alert_log import BEGINNING, AlertLog
from worker.reading.moments import parse_since
from worker.reading.statistics import read_stats, read_status

WAIT_S = 1.0
_ENTRY_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")  # within the 64 bits of each part
_EVENT_ID = re.compile(r"[0-9a-f]{32}:[0-9]{1,20}")


@click.command(
    epilog=f"""\b
Examples:
  lookalike alerts
  lookalike alerts --follow --json | jq -r .data.image.url
  lookalike alerts --since 2026-11-22T10:00:00 --json
  lookalike alerts --follow --since 'f3a1c80e4a0b4b6f9f0a3c0f8b7d2e11:4711'

\b
To go on where you stopped, give the `id` of the last alert that you have handled.

{exit_statuses()}"""
)
@click.option("--follow", is_flag=True, help="Wait for more; Ctrl-C ends it.")
@click.option(
    "--since",
    metavar="ID",
    help="Only alerts after this one: the `id` of an alert, or a date (when it was published), or `now`.",
)
@json_option
def alerts(*, follow: bool, since: str | None, as_json: bool) -> None:
    """Show the alerts that are kept, oldest first; with --follow, then each one as it comes.

    With --json each line is the alert itself, a CloudEvents object, as consumers get it.
    """
    _, client, keys = open_session()
    uuid = find_uuid(client, keys)
    log = AlertLog(client, keys=keys)
    begin = _find_position(log, since)
    printing = _Printing(log, begin, as_json=as_json)
    is_begun = is_away = False
    while follow or not is_begun:
        try:
            if not is_begun or log.wait(printing.position, timeout_s=WAIT_S):
                printing.print_all()
            if not is_begun and printing.position == begin and uuid is not None and not as_json:
                note(_tell_none(client, keys, since=since) + ("; waiting for them" if follow else ""))
            is_begun, is_away = True, False
        except (RedisConnectionError, RedisTimeoutError, redis.BusyLoadingError):
            if not follow:
                raise
            if not is_away:
                note("the server is away; waiting for it")
            is_away = True
            time.sleep(WAIT_S)


class _Printing:
    """Prints alerts; `position` is the last that was printed, also where reading on has failed."""

    def __init__(self, log: AlertLog, position: str, *, as_json: bool) -> None:
        self._log = log
        self.position = position
        self._as_json = as_json

    def print_all(self) -> None:
        for alert in self._log.read(self.position):
            if self._as_json:
                print_json(alert.event)
            else:
                told = describe_alert(alert.event, show_url=whole_url)
                print_row(f"{moment(alert.event['time'])}  {told}")
            self.position = alert.entry_id


def _find_position(log: AlertLog, since: str | None) -> str:
    if since is None:
        return BEGINNING
    if since == "now":
        return log.end()
    if _ENTRY_ID.fullmatch(since):
        return since
    if _EVENT_ID.fullmatch(since):
        position = log.position_of(since)
        if position is None:
            note(f"no alert with the id {since} is kept: these are all that are")
        return position or BEGINNING
    try:
        return log.position_at(parse_since(since))
    except ValueError as error:
        raise click.UsageError(f"--since takes the id of an alert, a date or `now`: {error}") from None


def _tell_none(client: redis.Redis, keys: Keyspace, *, since: str | None) -> str:
    """Tell that there are no alerts, and what there is instead."""
    stats = read_stats(client, keys)
    if since is not None and stats["alerts"]:
        return f"no alerts since then, of {stats['alerts']:,} in all"
    return f"no alerts yet: {tell_contents(stats, read_status(client, keys))}"
