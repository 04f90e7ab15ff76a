"""Shrinks luma to 32x32 exactly as Pillow's Lanczos does, as matrix products: a third of Pillow's time.

Pillow computes each output of a pass as a sum of 8-bit pixels times 22-bit integer weights. Such sums stay far below
2^53, so float64 holds each of them exactly, in whatever order BLAS adds: the result is the same to the last bit. Where
that is not certain (another order of the passes, a weight midway between two integers) Pillow does it.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
LOBES = 3
PRECISION_BITS = 22
"""Bits after the point of Pillow's weights for 8-bit pixels (`Resample.c`)."""

GROUP = 8
"""Outputs that share one matrix product: their weights overlap, so that few zeros are multiplied."""

BLOCK_PIXELS = 1 << 15
"""Pixels that are float64 at a time: a quarter of a megabyte stays in the cache of a core."""

CACHED_SIZES = 128
CACHED_SIDE = 1024
"""Weights of sizes up to this are kept, 100 bytes a pixel: beyond, decoding takes so long that they do not count."""

SAFE_MARGIN = 1e-6
"""Weights this near to the middle between two integers are left to Pillow: our sine may differ in the last bit."""

_Weights = tuple[tuple[int, int, NDArray[np.float64]], ...]


def shrink(luma: Image.Image) -> NDArray[np.float64]:
    """Give `luma`, an image of mode L, in 32x32 pixels: whole numbers, as `Image.resize` with LANCZOS gives them."""
    width, height = luma.size
    # From this ratio on Pillow 13 begins with the columns, which rounds otherwise; older ones never do.
    is_tall = height - SIDE > 2 * (width - SIDE)
    if width > SIDE and height > SIDE and not is_tall:
        across, down = _weights_for(width), _weights_for(height)
        if across is not None and down is not None:
            rows = np.empty((height, SIDE))
            pixels = np.asarray(luma)
            step = max(1, BLOCK_PIXELS // width)
            for top in range(0, height, step):
                _apply(across, pixels[top : top + step].astype(np.float64), out=rows[top : top + step])
            columns = np.empty((SIDE, SIDE))
            _apply(down, rows.T, out=columns)
            return columns.T
    return np.asarray(luma.resize((SIDE, SIDE), Image.Resampling.LANCZOS)).astype(np.float64)


def is_exact() -> bool:
    """Tell whether `shrink` gives what Pillow gives on this machine, tried on noise of a few sizes; 10 ms.

    The proof that it does stands on correct matrix products, which old BLAS kernels do not have on every processor.
    """
    rng = np.random.default_rng(SIDE)
    for width, height in ((400, 533), (1024, 768), (97, 65)):
        luma = Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8))
        if not np.array_equal(shrink(luma), np.asarray(luma.resize((SIDE, SIDE), Image.Resampling.LANCZOS))):
            return False
    return True


def _apply(weights: _Weights, lines: NDArray[np.float64], *, out: NDArray[np.float64]) -> None:
    """Shrink each of `lines` to 32 pixels, rounded and clipped to 8 bits as Pillow does."""
    for group, (begin, end, matrix) in enumerate(weights):
        np.matmul(lines[:, begin:end], matrix, out=out[:, GROUP * group : GROUP * (group + 1)])
    out += 1 << (PRECISION_BITS - 1)
    out *= 2.0**-PRECISION_BITS
    np.floor(out, out=out)
    np.clip(out, 0, 255, out=out)


def _weights_for(size: int) -> _Weights | None:
    return _kept_weights(size) if size <= CACHED_SIDE else _weights(size)


def _weights(size: int) -> _Weights | None:
    """Give the weights of one pass from `size` to 32, by groups of outputs: first pixel, last one, matrix.

    None where they cannot be told with certainty. After `precompute_coeffs` and `normalize_coeffs_8bpc` of Pillow.
    """
    scale = size / SIDE
    centers = (np.arange(SIDE) + 0.5) * scale
    begins = np.maximum((centers - LOBES * scale + 0.5).astype(np.intp), 0)
    ends = np.minimum((centers + LOBES * scale + 0.5).astype(np.intp), size)
    groups = []
    for first in range(0, SIDE, GROUP):
        begin, end = int(begins[first]), int(ends[first + GROUP - 1])
        at = np.arange(begin, end)[:, np.newaxis]
        columns = slice(first, first + GROUP)
        x = (at - centers[columns] + 0.5) * (1 / scale)
        matrix = _lanczos(x) * ((at >= begins[columns]) & (at < ends[columns]))
        matrix *= (1 << PRECISION_BITS) / matrix.sum(axis=0)
        if np.any(np.abs(np.abs(matrix) % 1 - 0.5) < SAFE_MARGIN):
            return None
        groups.append((begin, end, np.trunc(matrix + np.copysign(0.5, matrix))))
    return tuple(groups)


_kept_weights = lru_cache(maxsize=CACHED_SIZES)(_weights)


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give sinc(x) * sinc(x / 3) within the window; sin(3a) = 3 sin(a) - 4 sin(a)^3 saves every second sine."""
    angle = x * (np.pi / LOBES)
    sine = np.sin(angle)
    with np.errstate(invalid="ignore"):
        filtered: NDArray[np.float64] = sine * sine * (3 - 4 * sine * sine) / (LOBES * angle * angle)
    filtered[x == 0] = 1
    filtered[(x < -LOBES) | (x >= LOBES)] = 0
    return filtered
