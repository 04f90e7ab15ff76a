"""`lookalike stats`: what the archive holds."""

import click

from worker.commands.output import exit_statuses, json_option, print_json, print_row
from worker.commands.session import find_uuid, open_session
from worker.reading.statistics import read_stats

ROWS = (
    ("images", "images recorded"),
    ("clusters", "clusters, images with the same hash"),
    ("largest", "images in the largest cluster"),
    ("alerts", "alerts published"),
    ("failures", "failures kept: `lookalike failures` tells why"),
    ("low_information", "images with too little texture to be searched for"),
)


@click.command(
    epilog=f"""\b
Examples:
  lookalike stats
  lookalike stats --json | jq .images

{exit_statuses()}"""
)
@json_option
def stats(*, as_json: bool) -> None:
    """Count images, clusters, alerts and failures."""
    _, client, keys = open_session()
    find_uuid(client, keys)
    counts = read_stats(client, keys)
    if as_json:
        print_json(counts)
        return
    for name, told in ROWS:
        print_row(f"{counts[name]:>13,}  {told}")
        if name == "clusters":
            for size, clusters in counts["clusters_by_min_size"].items():
                print_row(f"{clusters:>13,}  of them with {size} images or more")
