"""What a person wants to know of an alert at a glance: how often the like was seen before, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """`copies` have the same hash, `alike` are the images of the look-alike clusters that the alert holds.

    `is_more` tells that it does not hold all; `since` is the time of the first of them, RFC 3339, and None where the
    alert does not hold it: it has the latest copies and the nearest clusters only.
    """

    copies: int
    alike: int
    is_more: bool
    since: str | None


def look_back(data: Mapping[str, Any]) -> SeenBefore:
    """Count what an alert's data tell of earlier images."""
    matches, copies = data["matches"], data["copies"]
    times = [match["first_seen_at"] for match in matches] + [copy["seen_at"] for copy in copies]
    is_more = data["match_count"] > len(matches)
    return SeenBefore(
        copies=data["earlier_copies"],
        alike=sum(match["images"] for match in matches),
        is_more=is_more,
        since=None if is_more or data["earlier_copies"] > len(copies) else min(times),
    )
