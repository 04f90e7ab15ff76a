"""The names that both sides use: the keys a producer touches, the tasks, the queue of wake-ups."""

import hashlib
import re
from typing import Literal, get_args

Lane = Literal["live", "retry", "backlog"]
LANES: tuple[Lane, ...] = get_args(Lane)

OpenLane = Literal["live", "backlog"]
OPEN_LANES: tuple[OpenLane, ...] = get_args(OpenLane)
"""The lanes that producers append to; workers alone fill `retry`."""

GROUP = "workers"
"""The consumer group of the workers on every lane."""

DRAIN_TASK = "lookalike.drain"
"""The Celery task that a wake-up runs; it has no arguments."""

ENQUEUE_TASK = "lookalike.enqueue"
"""The Celery task that appends one image for programs that already speak Celery."""

WAKE_TTL_MS = 2000
"""How long one wake-up stands for all producers: nobody else sends one meanwhile."""

WAKE_EXPIRES_S = 60
"""A wake-up older than this is dropped by the worker: it has long been overtaken."""

_ARCHIVE = re.compile(r"[a-z0-9-]{1,40}")


def check_lane(lane: str) -> None:
    """Raise ValueError where `lane` is not one that producers append to."""
    if lane not in OPEN_LANES:
        raise ValueError(f"lane {lane!r} is not one of {', '.join(OPEN_LANES)}")


class Names:
    """The keys of one archive that producers touch, and the queue that wakes its workers.

    Every key begins with the archive's name in braces, so that an archive lives in one slot of a cluster.
    """

    def __init__(self, archive: str) -> None:
        """Raise ValueError where `archive` is not 1 to 40 of a-z, 0-9 and the hyphen."""
        if not _ARCHIVE.fullmatch(archive):
            raise ValueError(f"archive name {archive!r}: use 1 to 40 of a-z, 0-9 and -")
        self.archive = archive
        self.prefix = f"{{{archive}}}:"
        self.wake = self.prefix + "wake"
        # Queues of the broker: wake-ups, and images from programs that speak Celery.
        self.queue = f"lookalike.{archive}.wake"
        self.enqueue_queue = f"lookalike.{archive}"

    def stream(self, lane: Lane) -> str:
        """Name the stream of a lane: one entry, one image to look at."""
        return f"{self.prefix}images:{lane}"

    def run(self, run: str) -> str:
        """Name the string that holds the last step of a run with a checkpoint."""
        return f"{self.prefix}run:{run}"

    def ids(self, image_id: str) -> str:
        """Name the hash that maps this id, among others, to its number."""
        digest = hashlib.sha1(image_id.encode(), usedforsecurity=False).hexdigest()
        return f"{self.prefix}ids:{digest[:4]}"
