"""Small images with known hashes, workers whose processes die at exact lines, and what the checks need."""

import json
import os
import signal
from io import BytesIO
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from worker.image_server import ImageServer

HOOKS = Path(__file__).parent / "hooks"


def draw(seed: int) -> Image.Image:
    """Draw a soft field: texture enough for 32 set bits, and no look-alike among some thousand others."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (12, 12), dtype=np.uint8))
    return small.resize((64, 64), Image.Resampling.BICUBIC)


def encode(image: Image.Image, tail: bytes = b"") -> bytes:
    """Give the PNG; `tail` stands after its end, where no decoder looks."""
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue() + tail


def phash(body: bytes) -> int:
    """Hash with ImageHash itself."""
    return int(str(imagehash.phash(Image.open(BytesIO(body)).convert("RGBA"))), 16)


class Images:
    """A folder of images, served over HTTP."""

    def __init__(self, folder: Path, server: ImageServer) -> None:
        self._folder = folder
        self._server = server
        self.hashes: dict[str, int] = {}

    def add(self, name: str, body: bytes) -> str:
        (self._folder / name).write_bytes(body)
        self.hashes[name] = phash(body)
        return self.url(name)

    def url(self, name: str) -> str:
        return self._server.url(self._folder / name)

    def pairs(self, names=None) -> set[frozenset[str]]:
        """Give the pairs within 10 bits, by comparing each with each."""
        hashes = [(name, self.hashes[name]) for name in names or self.hashes]
        return {
            frozenset((a, b))
            for at, (a, one) in enumerate(hashes)
            for b, two in hashes[:at]
            if (one ^ two).bit_count() <= 10 and one.bit_count() == two.bit_count() == 32
        }


@pytest.fixture
def images(tmp_path):
    """Images of the test's own."""
    folder = tmp_path / "images"
    folder.mkdir()
    with ImageServer(folder) as server:
        yield Images(folder, server)


@pytest.fixture
def hooks(tmp_path):
    """The environment that loads the hooks into a worker."""
    marks = tmp_path / "marks"
    marks.mkdir()
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(HOOKS), os.environ.get("PYTHONPATH")))),
        "LOOKALIKE_TEST_MARKS": str(marks),
    }


def children(process) -> list[int]:
    """List the living children of a process, oldest first."""
    try:
        pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [int(pid) for pid in pids if not _is_zombie(pid)]


def _is_zombie(pid: str) -> bool:
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
