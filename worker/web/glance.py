"""What a person wants to know of an alert at a glance: how often the picture was seen before, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """`copies` have the same hash, `alike` are the images of the look-alike clusters that the alert holds.

    `is_more` tells that it does not hold all; `since` is the earliest time that it holds, RFC 3339.
    """

    copies: int
    alike: int
    is_more: bool
    since: str

    @property
    def total(self) -> int:
        """All of them."""
        return self.copies + self.alike


def look_back(data: Mapping[str, Any]) -> SeenBefore:
    """Count what an alert's data tell of earlier images."""
    matches, copies = data["matches"], data["copies"]
    times = [match["first_seen_at"] for match in matches] + [copy["seen_at"] for copy in copies]
    return SeenBefore(
        copies=data["earlier_copies"],
        alike=sum(match["images"] for match in matches),
        is_more=data["match_count"] > len(matches),
        since=min(times),
    )
