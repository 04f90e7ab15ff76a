"""Golden images: small PNG files, the same on every machine, that show whether hashes computed here are the archive's.

PNG is lossless, so that the bitmaps do not depend on a decoder's rounding as those of JPEG do.
"""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


def golden_images() -> dict[str, bytes]:
    """Draw the golden images, by name: those whose bits would move first with another Pillow, numpy or scipy."""
    images = {
        "rgb-odd": Image.fromarray(_texture(211, 157, 3, seed=1), "RGB"),
        "rgb-large": Image.fromarray(_texture(640, 480, 3, seed=2), "RGB"),
        "grey-tiny": Image.fromarray(_texture(9, 7, 1, seed=3)[:, :, 0], "L"),
        "grey-wide": Image.fromarray(_texture(1000, 20, 1, seed=4)[:, :, 0], "L"),
        "grey-tall": Image.fromarray(_texture(150, 700, 1, seed=9)[:, :, 0], "L"),
        "rgba": Image.fromarray(_texture(120, 90, 4, seed=5), "RGBA"),
        "grey-alpha": Image.fromarray(_texture(64, 64, 2, seed=6), "LA"),
        "palette": Image.fromarray(_texture(100, 60, 3, seed=7), "RGB").quantize(
            32, dither=Image.Dither.NONE
        ),
        "bilevel": Image.fromarray(_texture(80, 80, 1, seed=8)[:, :, 0] >> 7 << 7, "L").point(
            lambda v: v, "1"
        ),
        "flat": Image.new("RGB", (50, 40), (200, 30, 60)),
    }
    return {name: _encode(image) for name, image in images.items()}


def _texture(width: int, height: int, bands: int, *, seed: int) -> Pixels:
    """Draw soft shapes of several sizes, in whole numbers only."""
    y, x, band = np.ogrid[:height, :width, :bands]
    value = np.zeros((height, width, bands), np.int64)
    for scale in (3, 7, 19, 53):
        value += (
            np.abs((x * (seed + scale) + y * (scale - seed) + band * 31 * seed) % (4 * scale) - 2 * scale)
            * 64
            // scale
        )
        value += ((x // scale) * 7 + (y // scale) * 13 + band * seed) % 11 * 6
    return (value * 255 // 760 % 256).astype(np.uint8)


def _encode(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
