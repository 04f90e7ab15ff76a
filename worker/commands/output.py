"""How verbs speak: data on stdout, one JSON object a line with `--json`; everything else on stderr."""

import json
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


def print_json(row: Mapping[str, Any]) -> None:
    """Print one object on a line of its own, at once, so that a pipe sees it."""
    click.echo(json.dumps(row, ensure_ascii=False, separators=(",", ":")))


def told() -> Console:
    """Give the console for people, on stderr."""
    return Console(stderr=True, highlight=False)


def shown() -> Console:
    """Give the console for data that people read, on stdout."""
    return Console(highlight=False, soft_wrap=True)


def describe_alert(event: Mapping[str, Any]) -> str:
    """Tell an alert in one or two lines: what the new image looks like, how near, seen when."""
    data = event["data"]
    name = short_url(data["image"]["url"])
    lines = []
    if data["earlier_copies"]:
        latest = data["copies"][0]
        times = "once" if data["earlier_copies"] == 1 else f"{data['earlier_copies']} times"
        lines.append(
            f"same hash, seen {times}, last {clock(latest['seen_at'])} as {short_url(latest['url'])}"
        )
    for match in data["matches"][:3]:
        others = "" if match["images"] == 1 else f" and {match['images'] - 1} more"
        lines.append(
            f"distance {match['distance']}: {short_url(match['sample']['url'])}{others}, "
            f"first seen {clock(match['first_seen_at'])}"
        )
    if data["match_count"] > len(data["matches"][:3]):
        lines.append(f"and {data['match_count'] - 3} more look-alikes")
    return f"{name} looks like\n" + "\n".join(f"    {line}" for line in lines)


def short_url(url: str) -> str:
    """Show the last part of a URL's path, without query."""
    return url.partition("?")[0].rstrip("/").rpartition("/")[2] or url


def clock(moment: str) -> str:
    """Show the time of day of an RFC 3339 time, in UTC."""
    return moment[11:19]
