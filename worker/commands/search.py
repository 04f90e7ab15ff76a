"""`lookalike search`: what in the archive looks like a URL, a file or a hash."""

import re
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from producer.wording import count
from worker.commands.output import exit_statuses, json_option, moment, note, print_long_json, print_row
from worker.commands.session import find_uuid, open_session
from worker.errors import ImageError, TransientError
from worker.reading.listing import Cluster, Listing
from worker.reading.telling import tell_match, tell_search, tell_size
from worker.scripts import Scripts
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.reading.lookup import Found, LookAlike

AT_ONCE = 20
"""Look-alikes that are read with the first answer; the others follow page by page."""

TRY_LATER = 75
_PHASH = re.compile("[0-9a-fA-F]{16}")
_URL = re.compile("(?:https?|file)://", re.IGNORECASE)


@click.command(
    epilog=f"""\b
Examples:
  lookalike search https://example.org/photo.jpg
  lookalike search photo.jpg --max-distance 6
  lookalike search 81d07fffe0611a85 --json | jq -r '.matches[].sample.url'
  curl -s https://example.org/photo.jpg | lookalike search -

{exit_statuses({0: "done, matches or not", 1: "no image that can be hashed", 75: "the URL may work later"})}"""
)
@click.argument("what", metavar="URL|FILE|HASH", type=click.Path())
@click.option(
    "--max-distance",
    type=click.IntRange(0, 16),
    default=10,
    show_default=True,
    help="Bits in which a look-alike may differ.",
)
@json_option
@click.pass_context
def search(context: click.Context, *, what: str, max_distance: int, as_json: bool) -> None:
    """Find the clusters that look like a URL, a file (or - for stdin) or a hash of 16 hex digits, nearest first.

    A URL is downloaded within the limits of a worker. An image with the very same hash has distance 0. Nothing is
    recorded.
    """
    is_file = not _URL.match(what) and not _PHASH.fullmatch(what)
    if is_file and what != "-" and not Path(what).is_file():
        raise click.UsageError(
            f"{what!r} is neither a file, nor a URL (http, https, file), nor a hash of 16 hex digits"
        )
    settings, client, keys = open_session()
    uuid = find_uuid(client, keys)
    try:
        phash = int(what, 16) if _PHASH.fullmatch(what) else _hash(what, settings)
    except ImageError as error:
        note(f"{error.reason}: {error.detail}")
        context.exit(TRY_LATER if isinstance(error, TransientError) else 1)

    # Loaded here, once the arguments are good: numpy costs 0.1 s.
    from worker.reading.lookup import Lookup, find_nothing  # noqa: PLC0415
    from worker.replica import Replica  # noqa: PLC0415

    replica = Replica(client, keys, cache_dir=settings.cache_dir)
    try:
        if uuid is None:
            found = find_nothing(phash, max_distance=max_distance)
        else:
            listing = Listing(Scripts(client, keys=keys, uuid=uuid), keys=keys)
            found = Lookup(replica, listing).find(phash, max_distance=max_distance, limit=AT_ONCE)
        # Never held as a whole: there may be any number of them.
        matches = chain(found.matches, found.further)
        if as_json:
            print_long_json(tell_search(found), name="matches", values=map(tell_match, matches))
        else:
            _print_found(found, matches)
    finally:
        replica.close()


def _hash(what: str, settings: Settings) -> int:
    """Hash the image that `what` names.

    Raises:
        ImageError: It cannot be had, or not be hashed.
    """
    from worker.child import fetch_limits  # noqa: PLC0415 - libraries that a hash needs not
    from worker.errors import TooLargeError  # noqa: PLC0415 - as above
    from worker.fetch import Fetcher  # noqa: PLC0415 - as above
    from worker.hashing import hash_image, warm_up  # noqa: PLC0415 - as above

    warm_up()
    if _URL.match(what):
        body = Fetcher(fetch_limits(settings)).fetch(what)
    else:
        limit = settings.max_bytes
        if what == "-":
            body = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(what).open("rb") as file:
                body = file.read(limit + 1)
        if len(body) > limit:
            raise TooLargeError(f"more than {limit} bytes")
    return hash_image(body, max_pixels=settings.max_pixels).phash


def _print_found(found: "Found", matches: Iterator["LookAlike"]) -> None:
    same = (
        "no image has this hash"
        if found.exact is None
        else f"{count(found.exact.images, 'image')} with this hash"
    )
    print_row(f"{found.phash:016x}  {same}")
    if not found.is_searchable:
        note("too little texture: such a picture is neither searched for nor found")
        return
    if found.exact is not None:
        _print_cluster(0, found.exact)
    for match in matches:
        _print_cluster(match.distance, match.cluster)
    if found.exact is None and not found.match_count:
        note("nothing looks like it")


def _print_cluster(distance: int, cluster: Cluster) -> None:
    told = tell_size(cluster)
    print_row(
        f"distance {distance:>2}  {told['phash']}  {count(cluster.images, 'image')}, "
        f"{moment(told['first_seen_at'])} to {moment(told['last_seen_at'])}\n"
        f"    {cluster.first.image.url}"
    )
