"""Tables to take away: every chosen cluster with its URLs, streamed page by page, as CSV and as JSON lines."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace

from worker.reading.listing import Cluster
from worker.reading.telling import tell_size
from worker.web.choosing import Choice, choose_page
from worker.web.service import OpenArchive

PAGE = 100
MAX_URLS = 100
"""URLs of one cluster in a table: a spreadsheet's cell ends at 32,767 characters."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_rows(archive: OpenArchive, choice: Choice) -> Iterator[str]:
    """Give the table of the published notebook: phash, count, URLs; each piece is some whole lines."""
    yield "phash,images,first_seen_at,last_seen_at,urls\r\n"
    for clusters in _pages(archive, choice):
        target = io.StringIO()
        writer = csv.writer(target)
        for cluster in clusters:
            urls = " ".join(urls_of(archive, cluster))
            # A spreadsheet would run what begins like a formula.
            safe = f"'{urls}" if urls.startswith(_FORMULA) else urls
            writer.writerow([*tell_size(cluster).values(), safe])
        yield target.getvalue()


def json_lines(archive: OpenArchive, choice: Choice) -> Iterator[str]:
    """Give one JSON object a cluster and line; each piece is some whole lines."""
    for clusters in _pages(archive, choice):
        yield "".join(
            json.dumps(
                {**tell_size(cluster), "urls": urls_of(archive, cluster)},
                ensure_ascii=False,
                separators=(",", ":"),
            )
            + "\n"
            for cluster in clusters
        )


def chosen_clusters(archive: OpenArchive, choice: Choice) -> Iterator[Cluster]:
    """Give every chosen cluster, the latest begun first."""
    for clusters in _pages(archive, choice):
        yield from clusters


def _pages(archive: OpenArchive, choice: Choice) -> Iterator[list[Cluster]]:
    # Where a cluster stands by its first image never moves: none that grows meanwhile is left out, or told twice.
    steady = replace(choice, sort="first")
    cursor: str | None = None
    while True:
        page = choose_page(archive, steady, cursor=cursor, limit=PAGE)
        yield page.clusters
        cursor = page.next
        if cursor is None:
            return


def urls_of(archive: OpenArchive, cluster: Cluster) -> list[str]:
    """Give the URLs of a cluster's latest images, 100 at most."""
    images = archive.listing.images(cluster.phash, below=None, limit=MAX_URLS)
    return [image.image.url for image in images]
