"""What is compared: each engine holds a population and gives the hashes within ten bits of a query."""

from collections.abc import Callable
from typing import Protocol

import faiss
import imagehash
import numpy as np
import pybktree
from numpy.typing import NDArray
from usearch.index import MetricKind
from usearch.index import search as usearch_search

from worker.index import HammingIndex
from worker.indexing.sorted_run import SortedRun

MAX_DISTANCE = 10
Hashes = NDArray[np.uint64]


class Engine(Protocol):
    """A population ready to be searched."""

    bytes_per_hash: float | None

    def search(self, query: Hashes) -> Hashes:
        """Give the hashes near one query, an array of one."""


class Bulk:
    """This index, built at once over all rows."""

    def __init__(self, rows: Hashes) -> None:
        run = SortedRun.of(rows)
        arrays = run.arrays
        self.bytes_per_hash = (arrays.copies.nbytes + arrays.starts.nbytes + arrays.rows.nbytes) / len(rows)
        self.arrays = arrays
        self._index = HammingIndex([run])

    def search(self, query: Hashes) -> Hashes:
        """Give the hashes near one query."""
        return self._index.search(query, max_distance=MAX_DISTANCE)[0][0]


class FaissFlat:
    """`IndexBinaryFlat.range_search`: compares all; its radius is exclusive."""

    bytes_per_hash = 8.0

    def __init__(self, rows: Hashes) -> None:
        self._rows = rows
        self._index = faiss.IndexBinaryFlat(64)
        self._index.add(rows.view(np.uint8).reshape(-1, 8))

    def search(self, query: Hashes) -> Hashes:
        """Give the hashes near one query."""
        _, _, numbers = self._index.range_search(query.view(np.uint8).reshape(1, 8), MAX_DISTANCE + 1)
        return self._rows[numbers]


class FaissMultiHash:
    """`IndexBinaryMultiHash` with four tables of 16 bits and two flips: exact up to eleven bits."""

    bytes_per_hash = None

    def __init__(self, rows: Hashes) -> None:
        self._rows = rows
        self._index = faiss.IndexBinaryMultiHash(64, 4, 16)
        self._index.nflip = 2
        self._index.add(rows.view(np.uint8).reshape(-1, 8))

    def search(self, query: Hashes) -> Hashes:
        """Give the hashes near one query."""
        _, _, numbers = self._index.range_search(query.view(np.uint8).reshape(1, 8), MAX_DISTANCE + 1)
        return self._rows[numbers]


class UsearchExact:
    """usearch's exact search gives the k nearest; k grows until one of them is too far."""

    bytes_per_hash = 8.0
    _FIRST_K = 64

    def __init__(self, rows: Hashes) -> None:
        self._rows = rows
        self._vectors = rows.view(np.uint8).reshape(-1, 8)

    def search(self, query: Hashes) -> Hashes:
        """Give the hashes near one query."""
        vector, k = query.view(np.uint8).reshape(1, 8), min(self._FIRST_K, len(self._rows))
        while True:
            found = usearch_search(self._vectors, vector, k, MetricKind.Hamming, exact=True, threads=1)
            near = found.distances.ravel() <= MAX_DISTANCE
            if not near.all() or k == len(self._rows):
                return self._rows[found.keys.ravel()[near]]
            k = min(4 * k, len(self._rows))


class NumpyScan:
    """One XOR, one count of bits, one comparison over all."""

    bytes_per_hash = 8.0

    def __init__(self, rows: Hashes) -> None:
        self._rows = rows

    def search(self, query: Hashes) -> Hashes:
        """Give the hashes near one query."""
        return self._rows[np.bitwise_count(self._rows ^ query) <= MAX_DISTANCE]


class BkTree:
    """pybktree, a metric tree in Python."""

    bytes_per_hash = None

    def __init__(self, rows: Hashes) -> None:
        self._tree = pybktree.BKTree(pybktree.hamming_distance, rows.tolist())

    def search(self, query: Hashes) -> Hashes:
        """Give the hashes near one query."""
        return np.array([phash for _, phash in self._tree.find(int(query[0]), MAX_DISTANCE)], np.uint64)


class ImageHashLoop:
    """The published loop: subtract each stored `ImageHash` from the query."""

    bytes_per_hash = None

    def __init__(self, rows: Hashes) -> None:
        self._hashes = [imagehash.hex_to_hash(f"{row:016x}") for row in rows]

    def search(self, query: Hashes) -> Hashes:
        """Give the hashes near one query."""
        wanted = imagehash.hex_to_hash(f"{query[0]:016x}")
        return np.array(
            [int(str(phash), 16) for phash in self._hashes if phash - wanted <= MAX_DISTANCE], np.uint64
        )


PEERS: dict[str, tuple[Callable[[Hashes], Engine], int]] = {
    "lookalike_bulk": (Bulk, 10**9),
    "faiss_flat": (FaissFlat, 10**9),
    "faiss_multihash": (FaissMultiHash, 10**6),
    "usearch_exact": (UsearchExact, 10**6),
    "numpy_scan": (NumpyScan, 10**9),
    "bktree": (BkTree, 10**5),
    "imagehash_loop": (ImageHashLoop, 10**4),
}
"""Engine by name, and the largest population that it is asked to hold."""
