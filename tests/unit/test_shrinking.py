from itertools import product

import numpy as np
import pytest
from PIL import Image

from worker import shrinking
from worker.errors import ConfigurationError
from worker.hashing import warm_up
from worker.shrinking import is_exact, shrink


def _as_pillow_does(luma):
    return np.asarray(luma.resize((32, 32), Image.Resampling.LANCZOS))


SIZES = (1, 31, 32, 33, 34, 63, 64, 65, 96, 97, 100, 400, 533, 1023, 1025, 1200)


@pytest.mark.parametrize("kind", ["noise", "black and white", "ramp", "flat"])
def test_luma_shrinks_to_the_pixels_that_pillow_gives(kind):
    rng = np.random.default_rng(32)

    for width, height in product(SIZES, SIZES):
        pixels = {
            "noise": lambda size: rng.integers(0, 256, size),
            "black and white": lambda size: rng.integers(0, 2, size) * 255,
            "ramp": lambda size: np.add.outer(np.arange(size[0]), np.arange(size[1])) % 256,
            "flat": lambda size: np.full(size, 255),
        }[kind]((height, width))
        luma = Image.fromarray(pixels.astype(np.uint8))

        assert np.array_equal(shrink(luma), _as_pillow_does(luma)), (width, height)


def test_the_order_of_the_passes_follows_pillow_on_both_sides_of_its_border():
    rng = np.random.default_rng(33)

    for width, height in product(range(300, 303), range(566, 572)):
        luma = Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8))

        assert np.array_equal(shrink(luma), _as_pillow_does(luma)), (width, height)


def test_a_machine_that_multiplies_rightly_is_accepted():
    assert is_exact()


def test_a_machine_that_multiplies_wrongly_is_refused(monkeypatch):
    def wrong(left, right, *, out):
        np.einsum("ij,jk->ik", left, right, out=out)
        out *= 1.01

    monkeypatch.setattr(shrinking.np, "matmul", wrong)

    with pytest.raises(ConfigurationError, match="matrix products"):
        warm_up()
