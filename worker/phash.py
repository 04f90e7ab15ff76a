"""A decoded image in, its 64-bit pHash out, bit for bit `imagehash.phash(image.convert("RGBA"))`.

pHash after hackerfactor.com, "Looks Like It" (2011), as ImageHash computes it: luma, Lanczos to 32x32, DCT, the lowest
8x8 coefficients, a bit for each that is above their median. The tests compare every shortcut with ImageHash itself.
"""

import numpy as np
import scipy.fftpack
from PIL import Image

from worker.shrinking import shrink

RECIPE = "imagehash.phash/64/RGBA/1"
"""Names what the hashes of an archive are; changes when a bit of any hash may change."""

LOW = 8
TEXTURED_POPCOUNT = 32
"""Of 64 different coefficients 32 are above the median; another count means a flat or degenerate picture."""

SAME_LUMA_MODES = frozenset({"RGB", "RGBA", "L", "LA"})
"""Modes whose luma is the same with and without the detour through RGBA."""


def compute_phash(image: Image.Image) -> int:
    """Give the pHash of a loaded `image`, 64 bits, unsigned; bit 63 is the mean's (DC) bit.

    Raises:
        ValueError: Pillow cannot convert the image's mode.
    """
    if image.mode in SAME_LUMA_MODES:
        # The palette entry or colour that means "transparent" would be converted too, for nothing.
        image.info.pop("transparency", None)
    else:
        image = image.convert("RGBA")
    rows = scipy.fftpack.dct(shrink(image.convert("L")), axis=0)[:LOW]
    low = scipy.fftpack.dct(rows, axis=1)[:, :LOW]
    ordered = np.sort(low, axis=None)
    median = (ordered[LOW * LOW // 2 - 1] + ordered[LOW * LOW // 2]) / 2
    return int.from_bytes(np.packbits(low > median).tobytes(), "big")


def has_low_information(phash: int) -> bool:
    """Tell whether a pHash is that of a picture with too little texture to be told from others."""
    return phash.bit_count() != TEXTURED_POPCOUNT
