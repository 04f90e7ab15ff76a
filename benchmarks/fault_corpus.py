"""Small real images with known hashes: equal, near and far ones, none with more than 20 look-alikes.

Everything follows from the seed. The hashes are ImageHash's own: what checks the service shares no code with it.
"""

from io import BytesIO
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

SIDE = 64
MAX_DISTANCE = 10
MAX_MATCHES = 20
TEXTURED_BITS = 32


def make_corpus(folder: Path, *, images: int, seed: int) -> dict[str, int]:
    """Write `images` PNG files into `folder`; give the hash of each by its name, in an order without order."""
    rng = np.random.default_rng(seed)
    hashes: dict[str, int] = {}
    while len(hashes) < images:
        base = _draw(rng)
        group = int(rng.choice([1, 1, 1, 2, 2, 3, 4, 6]))
        for at in range(group):
            body = _encode(_alter(base, rng) if at else base)
            phash = compute_hash(body)
            if len(hashes) < images and _fits(phash, hashes):
                name = f"{len(hashes):05d}.png"
                (folder / name).write_bytes(body)
                hashes[name] = phash
    names = list(hashes)
    rng.shuffle(names)
    return {name: hashes[name] for name in names}


def compute_hash(body: bytes) -> int:
    """Hash with ImageHash itself."""
    return int(str(imagehash.phash(Image.open(BytesIO(body)).convert("RGBA"))), 16)


def _draw(rng: np.random.Generator) -> Image.Image:
    field = rng.integers(0, 256, (10, 10, 3), dtype=np.uint8)
    return Image.fromarray(field).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    match int(rng.integers(0, 5)):
        case 0:
            return image.copy()
        case 1:
            return image.point(lambda value: value * 9 // 10)
        case 2:
            return image.resize((SIDE * 3 // 4, SIDE * 3 // 4), Image.Resampling.LANCZOS)
        case 3:
            noise = rng.integers(-24, 25, (SIDE, SIDE, 3))
            return Image.fromarray(np.clip(np.asarray(image).astype(int) + noise, 0, 255).astype(np.uint8))
        case _:
            cut = int(rng.integers(1, 5))
            return image.crop((cut, cut, SIDE - cut, SIDE - cut))


def _encode(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _fits(phash: int, hashes: dict[str, int]) -> bool:
    """Tell whether a hash has texture, and leaves every image with at most 20 look-alikes."""
    if phash.bit_count() != TEXTURED_BITS:
        return False
    known = np.fromiter(set(hashes.values()), np.uint64)
    near = int((np.bitwise_count(known ^ np.uint64(phash)) <= MAX_DISTANCE).sum())
    # Groups have six images, so no neighbour of this one is near its own limit.
    return near <= MAX_MATCHES // 2
