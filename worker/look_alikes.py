"""Recorded images in, their alerts out: searches below each one's horizon, and tells what it finds."""

from collections.abc import Sequence

import numpy as np

from worker.clusters import Clusters, is_searchable
from worker.events import MAX_COPIES, MAX_MATCHES, Match, write_alert
from worker.records import Record
from worker.replica import Replica


class LookAlikes:
    """Finds the look-alikes of the images of one archive."""

    def __init__(
        self, replica: Replica, *, clusters: Clusters, archive: str, uuid: str, max_distance: int
    ) -> None:
        self._replica = replica
        self._clusters = clusters
        self._archive = archive
        self._uuid = uuid
        self._max_distance = max_distance

    def write_alerts(self, records: Sequence[Record]) -> list[str]:
        """Give for each record its alert as JSON, or "" where it has none: always the same for the same record."""
        events = [""] * len(records)
        asked = [
            (at, record)
            for at, record in enumerate(records)
            if is_searchable(record.image.phash) and not record.is_done
        ]
        found = self._replica.search(
            np.array([record.image.phash for _, record in asked], dtype=np.uint64),
            max_distance=self._max_distance,
            before=np.array([record.horizon for _, record in asked], dtype=np.int64),
        )
        told = []
        for (at, record), (hashes, distances) in zip(asked, found, strict=True):
            is_other = hashes != np.uint64(record.image.phash)
            near = [int(phash) for phash in hashes[is_other][:MAX_MATCHES]]
            if near or record.rank:
                told.append((at, record, near, distances[is_other], int(is_other.sum())))
        stories = self._clusters.look_back(
            [(record, near) for _, record, near, _, _ in told], copies=MAX_COPIES
        )
        for (at, record, near, distances, count), (copies, clusters) in zip(told, stories, strict=True):
            events[at] = write_alert(
                record,
                archive=self._archive,
                uuid=self._uuid,
                copies=copies,
                matches=[
                    Match(phash, int(distance), story)
                    for phash, distance, story in zip(near, distances, clusters, strict=False)
                    if story is not None
                ],
                match_count=count,
            )
        return events
