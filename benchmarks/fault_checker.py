"""What a run must have left behind, by brute force over the manifest: every pair once, every image once, nothing lost.

It reads the server with its own eyes: the records' bytes as docs/data-layout.md lays them out, alerts as consumers get
them. None of the service's code is used.
"""

import json
import struct
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import redis
from fault_corpus import MAX_DISTANCE

_PHASH_AT = 1
_URL_LENGTH_AT = 78


@dataclass
class Verdict:
    """How many of each there were; all but the first three must be 0."""

    accepted: int
    recorded: int
    failures: int
    lost: int
    missing_matches: int
    doubled_alerts: int
    doubled_pairs: int
    wrongly_failed: int
    wrong_hashes: int
    recorded_twice: int

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not any(list(asdict(self).values())[3:])


def check(
    client: redis.Redis, *, prefix: str, manifest: Mapping[str, int], accepted: Collection[str]
) -> Verdict:
    """Compare what the server holds with the manifest: name of an image -> hash. `accepted` are names."""
    order = _read_order(client, prefix)
    recorded = [name for _, name, _ in order]
    failed = [_name(fields[b"url"].decode()) for _, fields in client.xrange(f"{prefix}failures")]
    alerts = [json.loads(fields[b"event"])["data"] for _, fields in client.xrange(f"{prefix}alerts")]
    alerted = Counter(_name(alert["image"]["url"]) for alert in alerts)
    reported = {_name(alert["image"]["url"]): _reported(alert) for alert in alerts}

    missing = doubled = 0
    hashes = np.array([manifest[name] for name in recorded], dtype=np.uint64)
    for at, name in enumerate(recorded):
        expected = _expected(hashes[:at], hashes[at])
        told = reported.get(name, Counter())
        missing += (expected - told).total()
        doubled += (told - expected).total()

    return Verdict(
        accepted=len(accepted),
        recorded=len(recorded),
        failures=len(failed),
        lost=len(set(accepted) - set(recorded) - set(failed)),
        missing_matches=missing,
        doubled_alerts=sum(count - 1 for count in alerted.values()),
        doubled_pairs=doubled,
        wrongly_failed=len(failed),
        wrong_hashes=sum(phash != manifest[name] for _, name, phash in order),
        recorded_twice=len(recorded) - len(set(recorded)),
    )


def _expected(earlier: np.ndarray, phash: np.uint64) -> Counter[int]:
    """Count the earlier images of each hash that is within the distance."""
    near = earlier[np.bitwise_count(earlier ^ phash) <= MAX_DISTANCE]
    return Counter(near.tolist())


def _reported(alert: Mapping[str, Any]) -> Counter[int]:
    """Count the earlier images of each hash that an alert names."""
    told = Counter({int(match["phash"], 16): match["images"] for match in alert["matches"]})
    if alert["earlier_copies"]:
        told[int(alert["image"]["phash"], 16)] += alert["earlier_copies"]
    return told


def _read_order(client: redis.Redis, prefix: str) -> list[tuple[int, str, int]]:
    """Give number, name and hash of each record, in the order of the numbers."""
    found = []
    for key in client.scan_iter(f"{prefix}image:*", count=1000):
        for number, record in client.hgetall(key).items():
            (phash,) = struct.unpack_from(">Q", record, _PHASH_AT)
            (length,) = struct.unpack_from(">H", record, _URL_LENGTH_AT)
            url = record[_URL_LENGTH_AT + 2 : _URL_LENGTH_AT + 2 + length].decode()
            found.append((int(number), _name(url), phash))
    return sorted(found)


def _name(url: str) -> str:
    return url.rpartition("/")[2]
