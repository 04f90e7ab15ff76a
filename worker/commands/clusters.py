"""`lookalike clusters`: the clusters by size, or one of them."""

import re
from collections.abc import Iterable

import click
from click.core import ParameterSource

from producer.wording import count
from worker.commands.moments import since_option, until_option
from worker.commands.output import (
    exit_statuses,
    json_option,
    moment,
    note,
    print_json,
    print_long_json,
    print_row,
    tell_contents,
)
from worker.commands.session import find_uuid, open_session
from worker.reading.listing import Cluster, Listing
from worker.reading.statistics import read_stats, read_status
from worker.reading.telling import tell_size
from worker.scripts import Scripts

URLS = 20
"""Images that a cluster in a list shows at most."""

_PHASH = re.compile("[0-9a-fA-F]{16}")


@click.group(
    invoke_without_command=True,
    epilog=f"""\b
Examples:
  lookalike clusters
  lookalike clusters --min-size 5 --limit 100 --json
  lookalike clusters --since 2026-11-01 --until 2026-11-07
  lookalike clusters show 81d07fffe0611a85

{exit_statuses()}""",
)
@click.option(
    "--min-size", type=click.IntRange(min=1), default=2, show_default=True, help="Images of a cluster."
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Clusters at most; 0: all."
)
@since_option
@until_option
@json_option
@click.pass_context
def clusters(  # noqa: PLR0913 - one option each
    context: click.Context,
    *,
    min_size: int,
    limit: int,
    since_ms: int | None,
    until_ms: int | None,
    as_json: bool,
) -> None:
    """List the clusters, images with the same hash, by size, each with its 20 latest URLs, latest first.

    With --since or --until the list is that of an archive which holds nothing but the images seen in that time:
    their number orders it, and dates and URLs are theirs.
    """
    if context.invoked_subcommand is not None:
        return
    _, client, keys = open_session()
    uuid = find_uuid(client, keys)
    if uuid is None:
        return
    # Whoever gives a limit knows that there may be more. Else one more is asked for, to tell whether there are.
    is_default = context.get_parameter_source("limit") is ParameterSource.DEFAULT
    most = limit + 1 if is_default else limit or None
    scripts = Scripts(client, keys=keys, uuid=uuid)
    found: Iterable[Cluster]
    if since_ms is None and until_ms is None and min_size > 1:
        found = Listing(scripts, keys=keys).largest(min_images=min_size, limit=most, latest=URLS)
    else:
        from worker.reading.periods import Periods  # noqa: PLC0415 - numpy costs 0.1 s

        periods = Periods(client, scripts, keys=keys)
        period = periods.between(since_ms, until_ms)
        found = periods.largest(period, min_images=min_size, limit=most, latest=URLS)
    rows = 0
    for rows, cluster in enumerate(found, start=1):
        if is_default and rows > limit:
            note(f"these are the {limit} largest: --limit 0 lists all")
            return
        urls = [record.image.url for record in cluster.latest]
        if as_json:
            print_json({**tell_size(cluster), "urls": urls})
        else:
            _print_cluster(cluster, urls)
            if cluster.images > len(urls):
                print_row(f"    and {cluster.images - len(urls):,} more")
    if not rows and not as_json:
        then = "" if since_ms is None and until_ms is None else " in that time"
        held = tell_contents(read_stats(client, keys), read_status(client, keys))
        note(f"no cluster of {count(min_size, 'image')} or more{then}: {held}")


@clusters.command(
    epilog=f"""\b
Examples:
  lookalike clusters show 81d07fffe0611a85
  lookalike clusters show 81d07fffe0611a85 --json | jq -r '.urls[]'

{exit_statuses({1: "no image has this hash"})}"""
)
@click.argument("phash")
@json_option
@click.pass_context
def show(context: click.Context, *, phash: str, as_json: bool) -> None:
    """Show the cluster of the hash PHASH, 16 hex digits, with the URLs of all its images, latest first."""
    if not _PHASH.fullmatch(phash):
        raise click.UsageError(f"{phash!r} is no hash: a hash is 16 hex digits")
    _, client, keys = open_session()
    uuid = find_uuid(client, keys)
    if uuid is None:
        context.exit(1)
    listing = Listing(Scripts(client, keys=keys, uuid=uuid), keys=keys)
    [cluster] = listing.describe([int(phash, 16)])
    if cluster is None:
        raise click.ClickException(
            f"no image has the hash {phash.lower()}: `lookalike search` finds near ones"
        )
    urls = (record.image.url for record in listing.all_images(cluster))
    if as_json:
        print_long_json(tell_size(cluster), name="urls", values=urls)
    else:
        _print_cluster(cluster, urls)


def _print_cluster(cluster: Cluster, urls: Iterable[str]) -> None:
    facts = tell_size(cluster)
    print_row(
        f"{facts['phash']}  {count(cluster.images, 'image')}, "
        f"{moment(facts['first_seen_at'])} to {moment(facts['last_seen_at'])}"
    )
    for url in urls:
        print_row(f"    {url}")
