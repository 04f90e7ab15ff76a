"""Times alerts as a consumer sees them: from the XADD of an image to the alert about it."""

import random
import re
import threading
import time
from collections.abc import Sequence

from bench_archive import KEYS
from bench_service import Service

GAP_S = (0.7, 1.3)
"""Between images of an idle service: longer than a drain lingers."""

BUSY_GAP_S = (0.05, 0.15)
POLL_S = 0.005
TIMEOUT_MS = 10_000
_MARK = re.compile(rb"\?(?:idle|busy)-[0-9]+")


def idle_latencies_s(service: Service, known: Sequence[str], *, samples: int) -> list[float]:
    """Send one copy of a known image at a time; each finds nobody awake."""
    drawn = random.Random(3)
    took = []
    for number in range(samples):
        time.sleep(drawn.uniform(*GAP_S))
        last = service.client.xrevrange(KEYS.alerts, count=1)
        after = last[0][0] if last else b"0"
        began = time.monotonic()
        service.send([f"{known[number % len(known)]}?idle-{number}"], lane="live")
        if not service.client.xread({KEYS.alerts: after}, count=1, block=TIMEOUT_MS // 4):
            raise SystemExit(f"no alert for live image {number}")
        took.append(time.monotonic() - began)
    return took


def busy_latencies_s(
    service: Service, known: Sequence[str], backlog: Sequence[str], *, samples: int
) -> list[float]:
    """Send copies of known images live while `backlog` is worked off."""
    drawn = random.Random(4)
    sent: dict[bytes, float] = {}
    took: list[float] = []
    is_over = threading.Event()
    reader = threading.Thread(target=_read, args=(service, sent, took, is_over))
    service.send(backlog, lane="backlog")
    time.sleep(1)
    reader.start()
    for number in range(samples):
        time.sleep(drawn.uniform(*BUSY_GAP_S))
        sent[b"?busy-%d" % number] = time.monotonic()
        service.send([f"{known[number % len(known)]}?busy-{number}"], lane="live")
    left = service.client.xlen(KEYS.stream("backlog"))
    is_over.set()
    reader.join()
    if not left:
        raise SystemExit("the backlog ended before the live images did: take more images")
    return took


def _read(service: Service, sent: dict[bytes, float], took: list[float], is_over: threading.Event) -> None:
    last = service.client.xrevrange(KEYS.alerts, count=1)
    after = last[0][0] if last else b"0"
    gives_up_at = float("inf")
    while not is_over.is_set() or len(took) < len(sent):
        if is_over.is_set():
            gives_up_at = min(gives_up_at, time.monotonic() + TIMEOUT_MS / 1000)
        if time.monotonic() > gives_up_at:
            raise SystemExit(f"{len(took)} alerts for {len(sent)} live images")
        alerts = service.client.xrange(KEYS.alerts, min=b"(" + after)
        now = time.monotonic()
        for entry_id, fields in alerts:
            after = entry_id
            found = _MARK.search(fields[b"event"][:600])
            if found and found.group() in sent:
                took.append(now - sent[found.group()])
        time.sleep(POLL_S)
