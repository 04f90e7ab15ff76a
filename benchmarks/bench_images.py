"""Makes the images that a benchmark downloads: seeded alterations of a folder, all different in bytes and in phash.

They are made before any clock starts, and kept in a temporary folder that the next run finds again.
"""

import hashlib
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir

import imagehash
from PIL import Image, ImageEnhance

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}
CACHE = Path(gettempdir()) / "lookalike-bench"
TRIES = 20
QUALITY = 85


def find_images(folder: Path) -> list[Path]:
    """List the images below `folder`."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def make_images(folder: Path, *, count: int, processes: int) -> list[Path]:
    """Give `count` JPEG files in one folder: random cuts of the originals at their full size, mirrored and relit."""
    originals = find_images(folder)
    if not originals:
        raise SystemExit(f"no images in {folder}")
    names = "\n".join(f"{path.name} {path.stat().st_size}" for path in originals)
    cache = CACHE / f"images-{count}-{hashlib.sha256(names.encode()).hexdigest()[:12]}"
    done = cache / "done"
    if not done.exists():
        cache.mkdir(parents=True, exist_ok=True)
        seen: set[str] = set()
        jobs = [(originals[seed % len(originals)], cache / f"{seed:07d}.jpg", seed) for seed in range(count)]
        with ProcessPoolExecutor(processes) as pool:
            for path, phash in zip(
                (job[1] for job in jobs), pool.map(_alter, jobs, chunksize=16), strict=True
            ):
                if phash in seen:
                    _make_another(path, originals, seen=seen)
                else:
                    seen.add(phash)
        done.touch()
    return sorted(cache.glob("*.jpg"))


def read_sample(paths: Sequence[Path], *, count: int) -> list[bytes]:
    """Read the bytes of the first `count` files."""
    return [path.read_bytes() for path in paths[:count]]


def _alter(job: tuple[Path, Path, int]) -> str:
    original, target, seed = job
    drawn = random.Random(seed)
    with Image.open(original) as image:
        width, height = image.size
        share = drawn.uniform(0.6, 0.97)
        left, top = (drawn.uniform(0, side * (1 - share)) for side in (width, height))
        box = (left, top, left + width * share, top + height * share)
        cut = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC, box=box)
    if drawn.random() < 0.5:  # noqa: PLR2004 - a coin
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    cut = ImageEnhance.Brightness(cut).enhance(drawn.uniform(0.8, 1.2))
    cut = ImageEnhance.Contrast(cut).enhance(drawn.uniform(0.8, 1.2))
    buffer = BytesIO()
    cut.save(buffer, "JPEG", quality=QUALITY)
    target.write_bytes(buffer.getvalue())
    return str(imagehash.phash(Image.open(buffer).convert("RGBA")))


def _make_another(path: Path, originals: Sequence[Path], *, seen: set[str]) -> None:
    """Replace an image whose phash another one has."""
    for attempt in range(TRIES):
        seed = int(path.stem) * 1000 + attempt + 10**9
        phash = _alter((originals[seed % len(originals)], path, seed))
        if phash not in seen:
            seen.add(phash)
            return
    raise SystemExit(f"{path.name}: no alteration with a phash of its own; take more originals")
