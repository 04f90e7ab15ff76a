"""What could not be done, for the page and the API: a page of failures, their reasons counted, another try."""

from collections import Counter
from dataclasses import asdict
from itertools import islice
from typing import Any

from worker.keyspace import Keyspace
from worker.reading.failures import Failure, read_failures, try_again
from worker.scripts import Scripts

LATEST = 10
LOOK_AT = 5000
"""Failures that one page may look at while a reason drops them."""


def count_reasons(
    client: Any,  # noqa: ANN401 - redis-py's types are unions of all that any setting could give
    keys: Keyspace,
    *,
    look_at: int,
) -> tuple[list[tuple[str, int]], list[Failure]]:
    """Count the reasons of the latest `look_at` failures, the most frequent first; and give the latest ten."""
    failures = list(islice(read_failures(client, keys), look_at))
    return Counter(failure.reason for failure in failures).most_common(), failures[:LATEST]


def failure_page(
    client: Any,  # noqa: ANN401 - as above
    keys: Keyspace,
    *,
    reason: str | None,
    before: str | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """Give a page of failures, latest first, and the entry id before which the next one begins; None at the end."""
    found: list[dict[str, Any]] = []
    for looked_at, failure in enumerate(read_failures(client, keys, before=before)):
        if len(found) == limit or looked_at == LOOK_AT:
            return found, before
        before = failure.entry_id
        if reason in (None, failure.reason):
            found.append(asdict(failure))
    return found, None


def retry_failures(
    scripts: Scripts,
    client: Any,  # noqa: ANN401 - as above
    keys: Keyspace,
    *,
    reason: str | None,
    limit: int,
) -> int:
    """Move the latest `limit` failures, or those of one reason, to the backlog; give how many went."""
    chosen = [failure.entry_id for failure in islice(read_failures(client, keys, reason=reason), limit)]
    return sum(was_there for _, was_there in try_again(scripts, keys, chosen))
