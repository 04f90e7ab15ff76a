"""The table of clusters as Parquet, streamed row group by row group; needs the extra `parquet`."""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from typing import Any

from worker.web.choosing import Choice
from worker.web.downloads import chosen_clusters, urls_of
from worker.web.service import OpenArchive

MEDIA_TYPE = "application/vnd.apache.parquet"

GROUP = 1000
"""Clusters in a row group, which is held in memory: 10 MB where each has 100 URLs."""


def has_parquet() -> bool:
    """Tell whether the extra is installed."""
    return find_spec("pyarrow") is not None


def parquet_pieces(archive: OpenArchive, choice: Choice, *, group: int = GROUP) -> Iterator[bytes]:
    """Give the file in pieces: phash, images, first and last seen, up to 100 URLs each."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    from pyarrow import parquet as pq  # noqa: PLC0415 - an extra

    moment = pa.timestamp("ms", tz="UTC")
    schema = pa.schema(
        [
            pa.field("phash", pa.string(), nullable=False),
            pa.field("images", pa.int64(), nullable=False),
            pa.field("first_seen_at", moment, nullable=False),
            pa.field("last_seen_at", moment, nullable=False),
            pa.field("urls", pa.list_(pa.string()), nullable=False),
        ]
    )
    pipe = _Pipe()
    clusters = chosen_clusters(archive, choice)
    with pq.ParquetWriter(pipe, schema, compression="zstd") as writer:
        while page := list(islice(clusters, group)):
            columns: list[list[Any]] = [
                [f"{cluster.phash:016x}" for cluster in page],
                [cluster.images for cluster in page],
                [cluster.first.seen_at_ms for cluster in page],
                [cluster.last.seen_at_ms for cluster in page],
                [urls_of(archive, cluster) for cluster in page],
            ]
            arrays = [
                pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=group)
            yield pipe.take()
    yield pipe.take()


class _Pipe:
    """A file that is only written to, and that forgets what was taken."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def write(self, piece: Any) -> int:  # noqa: ANN401 - any buffer
        data = bytes(piece)
        self._pieces.append(data)
        self._length += len(data)
        return len(data)

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
