"""A folder of real photos through the service, compared with a plain loop of imagehash."""

import os
from collections import Counter
from itertools import combinations
from pathlib import Path

import imagehash
import pytest
from command import Command
from PIL import Image

from worker.image_server import ImageServer

PHOTOS = os.environ.get("LOOKALIKE_TEST_PHOTOS", "")


@pytest.mark.skipif(not PHOTOS, reason="LOOKALIKE_TEST_PHOTOS names no folder of photos")
def test_stats_and_alerts_agree_with_a_plain_loop_of_imagehash(service, producer):
    paths = sorted(Path(PHOTOS).glob("*.jpg"))
    command = Command(service.home, service.environment)
    with ImageServer(Path(PHOTOS)) as images:
        service.start_worker()
        producer.send_many([images.url(path) for path in paths])
        service.wait_done(images=len(paths), timeout_s=100)
    hashes = [int(str(imagehash.phash(Image.open(path).convert("RGBA"))), 16) for path in paths]

    [stats] = command.rows("stats")
    data = [event["data"] for event in command.rows("alerts")]

    sizes = Counter(hashes)
    searchable = [phash for phash in hashes if phash.bit_count() == 32]
    pairs = sum((one ^ other).bit_count() <= 10 for one, other in combinations(searchable, 2))
    assert stats | {"alerts": 0} == {
        "images": len(paths),
        "clusters": len(sizes),
        "clusters_by_min_size": {
            least: sum(size >= int(least) for size in sizes.values()) for least in ("2", "5")
        },
        "largest": max(sizes.values()),
        "alerts": 0,
        "failures": 0,
        "low_information": len(hashes) - len(searchable),
    }
    assert stats["alerts"] == len(data)
    assert pairs == sum(
        alert["earlier_copies"] + sum(match["images"] for match in alert["matches"]) for alert in data
    )
