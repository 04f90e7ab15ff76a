"""`lookalike stats`: what the archive holds."""

import click

from producer.wording import noun
from worker.commands.output import exit_statuses, json_option, print_json, print_row
from worker.commands.session import find_uuid, open_session
from worker.reading.statistics import read_stats

ROWS = (
    ("images", "image", " recorded"),
    ("clusters", "cluster", ", images with the same hash"),
    ("largest", "image", " in the largest cluster"),
    ("alerts", "alert", " published"),
    ("failures", "failure", " kept: `lookalike failures` tells why"),
    ("low_information", "image", " with too little texture to be searched for"),
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
    for name, singular, told in ROWS:
        print_row(f"{counts[name]:>13,}  {noun(counts[name], singular)}{told}")
        if name == "clusters":
            for size, clusters in counts["clusters_by_min_size"].items():
                print_row(f"{clusters:>13,}  of them with {size} images or more")
