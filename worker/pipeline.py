"""The way of an image: taken from a stream, looked up, downloaded, hashed, filed, searched for, published.

`Pipeline.run` goes round until nothing waits. In each round every image that can do its next step does it, in small
batches; a step that an outage interrupts is simply done again, since each is idempotent behind its fence.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from redis.exceptions import OutOfMemoryError, RedisError

from producer.messages import ImageMessage
from producer.wording import count
from worker.alerts import Publisher
from worker.clusters import Clusters, NotFiled
from worker.decoding import Decoder
from worker.downloads import Arrival, Downloads
from worker.entries import Entry, History, decoded_facts, image_facts, read_history, read_message
from worker.errors import ArchiveMissingError, BadEntryError, IdConflictError, ImageError, LogDamagedError
from worker.hashing import HashedImage
from worker.intake import BATCH, Intake
from worker.look_alikes import LookAlikes
from worker.outages import Outage
from worker.ownership import LeaseKeeper, Ownership
from worker.records import ImageFacts, Record
from worker.retries import Failed, end_failed
from worker.settings import Settings
from worker.trials import Trials
from worker.wakes import WakeUps

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 1.0
BESIDE_LIVE = BATCH // 4
"""Of others that are hashed before a live image is filed."""

POLL_S = 0.02
"""How long a round may wait for a download before it looks at the lanes again."""


@dataclass(slots=True)
class Work:
    """One image on its way. What a step finds out is filled in for the next."""

    entry: Entry
    message: ImageMessage
    history: History
    image: ImageFacts | None = None
    record: Record | None = None


class Pipeline:
    """The steps of one child process, in their order."""

    def __init__(  # noqa: PLR0913 - the steps; they are built in one place, child.py
        self,
        settings: Settings,
        *,
        ownership: Ownership,
        leases: LeaseKeeper,
        intake: Intake,
        clusters: Clusters,
        downloads: Downloads,
        decoder: Decoder,
        trials: Trials,
        look_alikes: LookAlikes,
        publisher: Publisher,
        sweep: Callable[[], object],
        wakes: WakeUps,
        outage: Outage,
        stopping: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._ownership = ownership
        self._leases = leases
        self._intake = intake
        self._clusters = clusters
        self._downloads = downloads
        self._decoder = decoder
        self._trials = trials
        self._look_alikes = look_alikes
        self._publisher = publisher
        self._sweep = sweep
        self._wakes = wakes
        self._outage = outage
        self._stopping = stopping
        self.images = 0
        self._is_full = False
        self._taken: list[Entry] = []
        self._failed: list[Failed] = []
        self._downloading: dict[tuple[str, str], Work] = {}
        self._on_trial: dict[tuple[str, str, int], Work] = {}
        self._hashed: list[Work] = []
        self._recorded: list[Work] = []

    def run(self) -> None:
        """Work until nothing has waited for `linger` seconds, the worker stops, or the child has done its share.

        Raises:
            ArchiveMissingError: The server holds another archive, or none; what was held is left as it is.
        """
        idle_since = last_sweep = monotonic()
        is_first = True
        try:
            # A child that has done its share finishes its trials: given back each time, they would never end.
            while not self._stopping() and (self._has_share() or self._on_trial):
                try:
                    if is_first:
                        self._wakes.forget()
                    more = self._round()
                    if more and is_first:
                        self._wakes.send()
                    is_first = False
                    if monotonic() - last_sweep >= SWEEP_EVERY_S:
                        last_sweep = monotonic()
                        self._sweep()
                    if self._leases.held():
                        idle_since = monotonic()
                        self._wakes.hold()
                    else:
                        self._wakes.release()
                except OutOfMemoryError:
                    self._is_full = True
                    self._outage.wait("the server is at maxmemory: reading stops until there is room", 1.0)
                    continue
                except (RedisError, OSError, LogDamagedError) as error:
                    self._outage.wait(f"{type(error).__name__}: {error}")
                    continue
                self._is_full = False
                self._outage.over()
                if monotonic() - idle_since >= self._settings.linger:
                    break
                if not more and not self._downloading:
                    self._outage.pause(POLL_S / 2)
        finally:
            self._leave()

    def _has_share(self) -> bool:
        return self.images < self._settings.images_per_child

    def _round(self) -> bool:
        """Let every image do its next step; tell whether more waits than was taken."""
        more = self._take()
        self._look_up()
        self._hash()
        is_full = self._file()
        self._publish()
        self._end_failed()
        if is_full:
            # What was recorded has been published, what failed has ended: both free memory.
            raise OutOfMemoryError("images cannot be recorded")
        return more

    def _take(self) -> bool:
        """Take entries while the server has memory for what becomes of them; tell whether more wait."""
        may_take = self._has_share() and not self._is_full and not self._taken
        return may_take and self._intake.take(self._taken)

    def _look_up(self) -> None:
        """Send each entry to where it belongs: known images to the search, unknown ones to the downloads."""
        good: list[Work] = []
        bad: list[Failed] = []
        for entry in self._taken:
            try:
                good.append(Work(entry, read_message(entry), read_history(entry)))
            except BadEntryError as error:
                bad.append(Failed(entry, History(), None, error))
        records = self._clusters.known([work.message.image_id for work in good])
        self._taken = []
        self._failed += bad
        for work, record in zip(good, records, strict=True):
            if record is not None:
                self._recorded_as(work, record)
            elif self._settings.trust_phash and work.message.phash is not None:
                work.image = image_facts(work.message, phash=int(work.message.phash, 16))
                self._hashed.append(work)
            else:
                key = (work.entry.stream, work.entry.id)
                self._downloading[key] = work
                self._downloads.submit(key, work.message.url, urgent=work.entry.lane == "live")

    def _hash(self) -> None:
        """Decode and hash what has arrived, live images first; take what was tried apart."""
        for entry, outcome in self._trials.ended():
            tried = self._on_trial.pop((entry.stream, entry.id, entry.delivery), None)
            if tried is not None and self._leases.holds(entry):
                self._end_hash(tried, outcome)
        if not self._downloading:
            return
        # One by one: a live image that arrives meanwhile is next, and few others are hashed before it is filed.
        timeout_s = 0 if self._hashed or self._recorded else POLL_S
        others = BATCH
        for _ in range(BATCH):
            arrivals = self._downloads.arrived(limit=1, timeout_s=timeout_s)
            timeout_s = 0
            for arrival in arrivals:
                work = self._downloading.pop(arrival.key, None)  # type: ignore[call-overload]  # our own key
                if work is not None and not self._stopping() and self._leases.holds(work.entry):
                    self._hash_one(work, arrival)
                    others = min(others, BESIDE_LIVE) if work.entry.lane == "live" else others - 1
            if not arrivals or others <= 0:
                return

    def _hash_one(self, work: Work, arrival: Arrival) -> None:
        try:
            if arrival.error is not None:
                raise arrival.error
            body = arrival.body or b""
            if work.history.deaths:
                # Who decoded it before has died: beside the others, in a process of its own.
                self._trials.submit(work.entry, body)
                self._on_trial[work.entry.stream, work.entry.id, work.entry.delivery] = work
                return
            outcome: HashedImage | ImageError = self._decoder.hash(work.entry, body)
        except ImageError as error:
            outcome = error
        self._end_hash(work, outcome)

    def _end_hash(self, work: Work, outcome: HashedImage | ImageError) -> None:
        self.images += 1
        if isinstance(outcome, ImageError):
            self._fail(work, outcome)
        else:
            work.image = decoded_facts(work.message, outcome)
            self._hashed.append(work)

    def _file(self) -> bool:
        """Give each hashed image its number, its cluster and its place in the log; tell whether the server is full."""
        batch = [(work, work.image) for work in self._hashed if work.image is not None]
        filed = self._clusters.record([(work.entry, image) for work, image in batch])
        self._hashed = []
        for (work, _), record in zip(batch, filed, strict=True):
            if isinstance(record, Record):
                self._recorded_as(work, record)
            elif record is NotFiled.CONFLICT:
                self._fail(work, IdConflictError("the id derived from this URL is stored with another URL"))
            elif record is NotFiled.FULL:
                self._hashed.append(work)
            else:
                self._leases.drop(work.entry)
        return NotFiled.FULL in filed

    def _recorded_as(self, work: Work, record: Record) -> None:
        if work.message.id is None and record.image.url != work.message.url:
            self._fail(work, IdConflictError("the id derived from this URL is stored with another URL"))
            return
        work.record = record
        work.image = record.image
        self._recorded.append(work)

    def _publish(self) -> None:
        """Search for the look-alikes of each recorded image, and end its entry with an alert, or without one."""
        batch = [(work, work.record) for work in self._recorded if work.record is not None]
        events = self._look_alikes.write_alerts([record for _, record in batch])
        ended = self._publisher.publish(
            [(work.entry, record, event) for (work, record), event in zip(batch, events, strict=True)]
        )
        self._recorded = []
        for (work, _), status in zip(batch, ended, strict=True):
            if status == "CHANGED":
                # A failover took the record: the same image is filed anew, under another number.
                self._hashed.append(work)
            else:
                self._leases.drop(work.entry)

    def _fail(self, work: Work, error: ImageError) -> None:
        self._failed.append(Failed(work.entry, work.history, work.message.image_id, error))

    def _end_failed(self) -> None:
        """Let each image that failed wait for another attempt, or end it in `failures`."""
        while self._failed:
            failed = self._failed[-1]
            if end_failed(failed, ownership=self._ownership, settings=self._settings):
                self._leases.drop(failed.entry)
            else:
                # Another delivery of the same image was filed meanwhile: this one goes on with it.
                self._taken.append(failed.entry)
            self._failed.pop()

    def _leave(self) -> None:
        """Finish what is hashed, give back the rest at once; where the server is away, the lease does it."""
        self._downloads.abandon()
        self._downloading.clear()
        self._trials.abandon()
        self._on_trial.clear()
        try:
            self._file()
            self._publish()
            self._end_failed()
            self._ownership.give_back(self._leases.held())
        except (RedisError, OSError, ArchiveMissingError, LogDamagedError) as error:
            left = count(len(self._leases.held()), "image")
            logger.warning("left %s to the lease: %s", left, type(error).__name__)
        finally:
            # Whatever was raised: an entry that is renewed and not worked on would never end.
            for entry in self._leases.held():
                self._leases.drop(entry)
            self._taken, self._failed, self._hashed, self._recorded = [], [], [], []
