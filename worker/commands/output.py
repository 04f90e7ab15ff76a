"""How verbs speak: data on stdout, one JSON object a line with `--json`; everything else on stderr."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
from rich.console import Console

from producer.wording import count

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")

_EXIT_STATUSES = {
    0: "done",
    2: "wrong usage",
    69: "no server answers, or it refuses",
    78: "a setting, or the archive's recipe, forbids it",
    130: "interrupted",
}


def exit_statuses(more: Mapping[int, str] | None = None) -> str:
    """Give the part of a verb's help that tells what its exit status means; an empty meaning leaves one out."""
    told = sorted(
        (status, meaning) for status, meaning in {**_EXIT_STATUSES, **(more or {})}.items() if meaning
    )
    return "\b\nExit status:\n" + "\n".join(f"  {status:<5}{meaning}" for status, meaning in told)


def print_json(row: Mapping[str, Any]) -> None:
    """Print one object on a line of its own, at once, so that a pipe sees it."""
    _print(_encode(row) + "\n")


def print_long_json(row: Mapping[str, Any], *, name: str, values: Iterable[Any]) -> None:
    """Print `row` and, as its last member `name`, a list of any length, which is never held as a whole."""
    _print(_encode(row)[:-1] + f",{_encode(name)}:[")
    for at, value in enumerate(values):
        _print(("," if at else "") + _encode(value))
    _print("]}\n")


def print_row(text: str) -> None:
    """Print a line for people: what strangers wrote into it cannot command the terminal."""
    _print("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text) + "\n")


def note(text: str) -> None:
    """Tell something beside the data, on stderr."""
    click.echo(f"lookalike: {text}", err=True)


def told() -> Console:
    """Give the console for people, on stderr."""
    return Console(stderr=True, highlight=False)


def describe_alert(event: Mapping[str, Any], *, show_url: Callable[[str], str]) -> str:
    """Tell an alert in some lines: what the new image looks like, how near, seen when."""
    data = event["data"]
    name = show_url(data["image"]["url"])
    lines = []
    if data["earlier_copies"]:
        latest = data["copies"][0]
        times = "once" if data["earlier_copies"] == 1 else f"{data['earlier_copies']:,} times"
        lines.append(
            f"same hash, seen {times}, last {moment(latest['seen_at'])} as {show_url(latest['url'])}"
        )
    for match in data["matches"][:3]:
        others = "" if match["images"] == 1 else f" and {match['images'] - 1:,} more"
        lines.append(
            f"distance {match['distance']}: {show_url(match['sample']['url'])}{others}, "
            f"first seen {moment(match['first_seen_at'])}"
        )
    told = len(data["matches"][:3])
    if data["match_count"] > told:
        lines.append(f"and {count(data['match_count'] - told, 'more look-alike')}")
    return f"{name} looks like\n" + "\n".join(f"    {line}" for line in lines)


def tell_contents(stats: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """Tell in one sentence what an archive holds and what is still on its way, as for a list that is empty."""
    coming = sum(status["waiting"].values()) + status["in_flight"] + status["delayed"]
    told = [f"{count(stats['images'], 'image')} recorded", f"{coming:,} on the way"]
    if stats["failures"]:
        told.append(f"{stats['failures']:,} failed (`lookalike failures` tells why)")
    if coming and not status["workers"]:
        told.append("and no worker runs")
    return ", ".join(told)


def short_url(url: str) -> str:
    """Show the last part of a URL's path, without query."""
    return url.partition("?")[0].rstrip("/").rpartition("/")[2] or url


def whole_url(url: str) -> str:
    """Show all of a URL: who acts on what it shows needs all of it."""
    return url


def moment(rfc3339: str) -> str:
    """Show an RFC 3339 time in UTC, to the second, as `2026-11-22 10:00:00`."""
    return rfc3339[:19].replace("T", " ")


def _print(text: str) -> None:
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        # Who reads has seen enough: that is no error. Python itself would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0) from None


def _encode(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
