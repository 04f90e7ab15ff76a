"""Death notes: each child notes in a small memory-mapped file the entry that it decodes.

A note is locked for as long as its writer lives, so whoever gets the lock knows that the writer is dead, without
trusting a process id. A store into mapped memory survives the writer's SIGKILL. Notes lie in `LOOKALIKE_STATE_DIR`,
which outlives a container.
"""

import fcntl
import json
import logging
import mmap
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from producer.names import Lane
from worker.entries import Entry

logger = logging.getLogger(__name__)

_SIZE = 2048
_DECODING_AT = 0
_TRYING_AT = 512
_DRAINING_AT = 1023
_WRITER_AT = 1024

_no_fork = threading.Lock()
os.register_at_fork(
    before=_no_fork.acquire, after_in_parent=_no_fork.release, after_in_child=_no_fork.release
)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Which entry a child, or a process that it had started for it, was decoding."""

    lane: Lane
    stream: str
    entry_id: str
    delivery: int


@dataclass(frozen=True, slots=True)
class DeadChild:
    """A child that died, whether its parent is alive, and what was being decoded: first by itself, then in a trial."""

    consumer: str
    parent_lives: bool
    decoding: tuple[Decoding, ...]


class ParentLock:
    """Held for as long as a worker's parent process lives. Its file's modification time is the worker's heartbeat."""

    def __init__(self, state_dir: Path) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._path = _locked_path(state_dir, self.name)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Those that were killed could not remove their own.
        for path in self._path.parent.glob("*.lock"):
            _is_alive(state_dir, path.stem)
        # Under another name until it is locked: an unlocked one is a dead parent's.
        early = self._path.with_suffix(".new")
        self._fd = os.open(early, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        early.rename(self._path)

    def beat(self) -> None:
        """Show that the worker is well: it has just spoken to its server."""
        os.utime(self._fd)

    def leave_to_parent(self) -> None:
        """Close a child's copy of the lock, which would otherwise outlive the parent."""
        os.close(self._fd)

    def close(self) -> None:
        """Let go; the file goes too."""
        self._path.unlink(missing_ok=True)
        os.close(self._fd)


class Note:
    """The note of one child. `decoding` costs about 2 microseconds."""

    def __init__(self, state_dir: Path, *, uuid: str, consumer: str, parent: str) -> None:
        folder = _notes(state_dir, uuid)
        folder.mkdir(parents=True, exist_ok=True)
        name = secrets.token_hex(8)
        # Under another name until it is locked and whole: an unlocked note is a dead child's.
        early = folder / f"{name}.new"
        self._path = folder / f"{name}.note"
        self._fd = os.open(early, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        # A store into a hole of the file would end this process where the disk is full.
        os.write(self._fd, bytes(_SIZE))
        self._map = mmap.mmap(self._fd, _SIZE)
        self._store(_WRITER_AT, {"consumer": consumer, "parent": parent})
        early.rename(self._path)

    @contextmanager
    def decoding(self, entry: Entry) -> Iterator[None]:
        """Note, for the time of the block, that this process decodes `entry`."""
        with self._noted(_DECODING_AT, entry):
            yield

    @contextmanager
    def trying(self, entry: Entry) -> Iterator[None]:
        """Note, for the time of the block, that a process of its own decodes `entry`; for another thread."""
        with self._noted(_TRYING_AT, entry):
            yield

    @contextmanager
    def draining(self) -> Iterator[None]:
        """Note, for the time of the block, that this child has work: it needs no wake-up."""
        self._map[_DRAINING_AT] = 1
        try:
            yield
        finally:
            self._map[_DRAINING_AT] = 0

    def close(self) -> None:
        """Leave nothing behind: this child ends in good order."""
        self._path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._fd)

    @contextmanager
    def _noted(self, at: int, entry: Entry) -> Iterator[None]:
        self._store(at, asdict(Decoding(entry.lane, entry.stream, entry.id, entry.delivery)))
        try:
            yield
        finally:
            self._map[at] = 0

    def _store(self, at: int, facts: dict[str, object]) -> None:
        text = json.dumps(facts).encode()
        self._map[at] = 0
        self._map[at + 1 : at + 3] = len(text).to_bytes(2, "big")
        self._map[at + 3 : at + 3 + len(text)] = text
        self._map[at] = 1


@contextmanager
def dead_children(state_dir: Path, *, uuid: str, parent: str) -> Iterator[list[DeadChild]]:
    """Find the children that died, ours and those of dead parents; their notes are deleted after the block.

    A dead child of another living parent is left to that parent. An exception in the block keeps the notes. Two workers
    may find the same child: what they do about it is fenced.
    """
    found: dict[Path, DeadChild] = {}
    for path in _notes(state_dir, uuid).glob("*.note"):
        content = _read_if_dead(path)
        if not content:
            continue
        writer = _read_writer(content)
        if writer is None:
            logger.warning("%s is no note: deleted", path)
            path.unlink(missing_ok=True)
            continue
        consumer, its_parent = writer
        own = its_parent == parent
        if own or not _is_alive(state_dir, its_parent):
            found[path] = DeadChild(consumer, own, _read_decoding(content))
    yield list(found.values())
    for path in found:
        path.unlink(missing_ok=True)


def _read_if_dead(path: Path) -> bytes:
    """Give the content of a note whose writer is dead, else nothing."""
    with _trying_to_lock(path) as fd:
        return os.read(fd, _SIZE) if fd is not None else b""


@contextmanager
def _trying_to_lock(path: Path) -> Iterator[int | None]:
    """Give the locked file, or None where its writer lives or it is gone."""
    # A fork in this moment would give the new child a lock that is held for as long as it lives.
    with _no_fork:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield fd
        finally:
            os.close(fd)


def _is_alive(state_dir: Path, parent: str) -> bool:
    """Tell whether a parent lives; a dead one's lock is removed."""
    path = _locked_path(state_dir, parent)
    if not path.exists():
        return False
    with _trying_to_lock(path) as fd:
        if fd is None:
            return path.exists()
    path.unlink(missing_ok=True)
    return False


def _read_writer(content: bytes) -> tuple[str, str] | None:
    """Give consumer and parent of the child that wrote a note; None where that cannot be read."""
    facts = _load(content, _WRITER_AT)
    if "consumer" not in facts or "parent" not in facts:
        return None
    return str(facts["consumer"]), str(facts["parent"])


def _read_decoding(content: bytes) -> tuple[Decoding, ...]:
    noted = (_load(content, at) for at in (_DECODING_AT, _TRYING_AT))
    # Another version may note other facts.
    return tuple(Decoding(**facts) for facts in noted if facts.keys() == Decoding.__dataclass_fields__.keys())


def _load(content: bytes, at: int) -> dict[str, Any]:
    """Give what `_store` wrote; nothing where it is not whole."""
    if len(content) < _SIZE or not content[at]:
        return {}
    length = int.from_bytes(content[at + 1 : at + 3], "big")
    try:
        facts = json.loads(content[at + 3 : at + 3 + length])
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _notes(state_dir: Path, uuid: str) -> Path:
    return state_dir / "notes" / uuid


def _locked_path(state_dir: Path, parent: str) -> Path:
    return state_dir / "workers" / f"{parent}.lock"


def count_draining(state_dir: Path, *, uuid: str, parent: str) -> int:
    """Count the children of `parent` that are in a drain; dead ones count until their notes are gone."""
    count = 0
    for path in _notes(state_dir, uuid).glob("*.note"):
        with suppress(OSError):
            content = path.read_bytes()
            writer = _read_writer(content)
            count += writer is not None and writer[1] == parent and content[_DRAINING_AT]
    return count


def clear_notes(state_dir: Path, *, uuid: str, parent: str) -> None:
    """Forget what the children of `parent` are decoding, so that their deaths count for no image."""
    for path in _notes(state_dir, uuid).glob("*.note"):
        with suppress(OSError), path.open("r+b") as file:
            writer = _read_writer(file.read())
            if writer is not None and writer[1] == parent:
                for at in (_DECODING_AT, _TRYING_AT):
                    file.seek(at)
                    file.write(b"\0")
