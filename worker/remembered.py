"""The hashes of the last images of a child, by the digest of their bytes: identical bytes are not decoded twice."""

from collections import OrderedDict
from hashlib import sha256

from worker.hashing import HashedImage, hash_digested


class RememberedHashes:
    """Hashes images and remembers the last `limit` of them, about 0.5 kB each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: OrderedDict[bytes, HashedImage] = OrderedDict()

    def hash_image(self, body: bytes, *, max_pixels: int) -> HashedImage:
        """Do what `worker.hashing.hash_image` does, from memory where the same bytes were hashed before."""
        digest = sha256(body).digest()
        known = self._known.get(digest)
        if known is not None:
            self._known.move_to_end(digest)
            return known
        hashed = hash_digested(body, digest, max_pixels=max_pixels)
        if self._limit:
            if len(self._known) >= self._limit:
                self._known.popitem(last=False)
            self._known[digest] = hashed
        return hashed
