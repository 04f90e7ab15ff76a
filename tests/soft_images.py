"""Small images with known hashes: soft fields, served over HTTP, compared with each other by brute force."""

from io import BytesIO
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from worker.image_server import ImageServer


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
