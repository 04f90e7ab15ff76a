import bz2
import gzip
from collections.abc import Callable

import pytest


@pytest.fixture
def pack() -> Callable[[str, bytes], bytes]:
    """Pack bytes as a suffix says."""

    def pack_as(suffix: str, content: bytes) -> bytes:
        match suffix:
            case ".gz":
                return gzip.compress(content, 1)
            case ".bz2":
                return bz2.compress(content, 1)
            case ".zst":
                zstd = pytest.importorskip("backports.zstd", reason="an extra, or Python 3.14")
                return bytes(zstd.compress(content))
            case _:
                return content

    return pack_as
