"""What a test sees of a service: its processes, its alerts, its failures."""

import json
import os
import signal
from pathlib import Path


def children(process) -> list[int]:
    """List the living children of a process, oldest first."""
    return [pid for pid in _started_by(process.pid) if not _is_zombie(pid)]


def trials(worker) -> list[int]:
    """List the processes in which the children of a worker try suspects."""
    return [pid for child in children(worker) for pid in _started_by(child) if not _is_zombie(pid)]


def _started_by(pid: int) -> list[int]:
    return sorted(
        int(child)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for child in _read_or_nothing(path).split()
    )


def _read_or_nothing(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def alerts(client, keys) -> list[dict]:
    """Read all alerts."""
    return [json.loads(fields[b"event"]) for _, fields in client.xrange(keys.alerts)]


def failures(client, keys) -> dict[str, str]:
    """Read all failures: the last part of the URL, and the reason."""
    return {
        fields[b"url"].decode().rpartition("/")[2]: fields[b"reason"].decode()
        for _, fields in client.xrange(keys.failures)
    }


def reported(events) -> list[frozenset[str]]:
    """List the pairs that alerts name, by the last part of their URLs; for clusters of one or two images."""
    return [
        frozenset((_name(event["data"]["image"]), _name(other)))
        for event in events
        for other in event["data"]["copies"] + [match["sample"] for match in event["data"]["matches"]]
    ]


def _name(image) -> str:
    return image["url"].rpartition("/")[2]


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal; a process that is gone is no news."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
