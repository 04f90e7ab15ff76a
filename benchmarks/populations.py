"""Seeded populations of distinct hashes with 32 ones, as the log of an archive holds them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REAL_HASHES = Path(__file__).parent / "data" / "real-hashes.npy"
POPULATIONS = ("random", "real")
_CHUNK = 1_000_000
_SWAPS_TRIED = 16
_TOP = np.uint64(1 << 63)


def make_population(name: str, size: int, *, seed: int = 1) -> NDArray[np.uint64]:
    """Draw `size` distinct hashes in random order."""
    rng = np.random.default_rng(seed)
    draw = {"random": _draw_random, "real": _draw_real}[name]
    hashes = np.empty(0, np.uint64)
    while len(hashes) < size:
        missing = size - len(hashes)
        chunks = [draw(_CHUNK, rng) for _ in range(-(-missing * 11 // 10) // _CHUNK + 1)]
        hashes = np.concatenate([hashes, *chunks])
        del chunks
        hashes.sort()
        hashes = hashes[np.concatenate([[True], hashes[1:] != hashes[:-1]])]
    rng.shuffle(hashes)
    return hashes[:size]


def make_queries(
    name: str, population: NDArray[np.uint64], count: int, *, seed: int = 2
) -> NDArray[np.uint64]:
    """Draw queries: every second one is a member, the others come from where the members came from."""
    rng = np.random.default_rng(seed)
    queries = {"random": _draw_random, "real": _draw_real}[name](max(count, 1000), rng)[:count]
    queries[::2] = rng.choice(population, len(queries[::2]))
    return queries


def _draw_random(count: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Bit 63 is always 1 in a hash with 32 ones: it stands for the mean, which is above the median."""
    drawn: list[NDArray[np.uint64]] = []
    while sum(map(len, drawn)) < count:
        hashes = rng.integers(0, 1 << 64, 12 * count, dtype=np.uint64) | _TOP
        drawn.append(hashes[np.bitwise_count(hashes) == 32])  # noqa: PLR2004  # see above
    return np.concatenate(drawn)[:count]


def _draw_real(count: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Real hashes, in which a few pairs of a one and a zero changed places."""
    real = np.load(REAL_HASHES)
    hashes = rng.choice(np.unique(real[np.bitwise_count(real) == 32]), count)  # noqa: PLR2004
    for _ in range(_SWAPS_TRIED):
        one, zero = (np.uint64(1) << rng.integers(0, 63, count, dtype=np.uint64) for _ in range(2))
        can_swap = ((hashes & one) != 0) & ((hashes & zero) == 0)
        hashes = np.where(can_swap, hashes ^ one ^ zero, hashes)
    return hashes
