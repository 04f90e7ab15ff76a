"""Tables to take away: the same rows in three formats, in memory that does not grow with them."""

import csv
import io
import json
import socket
from datetime import datetime
from pathlib import Path

import pytest

from tests.filer import Filer
from worker.reading.listing import Listing
from worker.web import parquet
from worker.web.choosing import Choice
from worker.web.downloads import PAGE, json_lines
from worker.web.service import OpenArchive


def test_the_tables_hold_every_cluster_with_its_urls(web):
    clusters = web.get("/v1/clusters?limit=200&sort=first").json()["clusters"]
    rows = list(csv.DictReader(io.StringIO(web.get("/v1/clusters.csv").text)))
    objects = [json.loads(line) for line in web.get("/v1/clusters.jsonl").text.splitlines()]

    sizes = [(cluster["phash"], cluster["images"]) for cluster in clusters]
    assert [(row["phash"], int(row["images"])) for row in rows] == sizes
    assert [(row["phash"], len(row["urls"])) for row in objects] == sizes
    assert rows[0]["urls"].split() == objects[0]["urls"]


def test_parquet_holds_what_csv_holds(web):
    pq = pytest.importorskip("pyarrow.parquet")
    answer = web.get("/v1/clusters.parquet?min_size=2")
    rows = list(csv.DictReader(io.StringIO(web.get("/v1/clusters.csv?min_size=2").text)))

    table = pq.read_table(io.BytesIO(answer.body)).to_pylist()

    assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert "clusters.parquet" in answer.headers["Content-Disposition"]
    assert table == [
        {
            "phash": row["phash"],
            "images": int(row["images"]),
            "first_seen_at": datetime.fromisoformat(row["first_seen_at"]),
            "last_seen_at": datetime.fromisoformat(row["last_seen_at"]),
            "urls": row["urls"].split(),
        }
        for row in rows
    ]
    assert len(table) > 3


def test_parquet_of_nothing_is_a_table_without_rows(web):
    pq = pytest.importorskip("pyarrow.parquet")

    table = pq.read_table(io.BytesIO(web.get("/v1/clusters.parquet?min_size=1000000").body))

    assert (table.num_rows, table.column_names[0]) == (0, "phash")


@pytest.fixture
def many(filer, keys, scripts):
    """An archive with 60 clusters of two images."""
    for number in range(120):
        filer.file(1000 + number % 60, name=f"https://example.org/{number}.jpg")
    return OpenArchive("", scripts, Listing(scripts, keys=keys), None, None, None, None)


def test_clusters_that_grow_during_a_download_are_in_it_once(filer, keys, scripts):
    hashes = range(1000, 1000 + PAGE + 50)
    for number in range(2):
        for phash in hashes:
            filer.file(phash, name=f"https://example.org/{phash}/{number}.jpg")
    archive = OpenArchive("", scripts, Listing(scripts, keys=keys), None, None, None, None)

    pieces = json_lines(archive, Choice())
    told = [json.loads(line)["phash"] for line in next(pieces).splitlines()]
    for phash in set(hashes) - {int(text, 16) for text in told}:
        filer.file(phash, name=f"https://example.org/{phash}/grown.jpg")
    told += [json.loads(line)["phash"] for piece in pieces for line in piece.splitlines()]

    assert sorted(told) == [f"{phash:016x}" for phash in hashes]


def test_parquet_comes_a_group_of_rows_at_a_time(many):
    pq = pytest.importorskip("pyarrow.parquet")

    pieces = list(parquet.parquet_pieces(many, Choice(), group=7))

    file = pq.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (60, 9)
    # One piece for each group, and the end of the file.
    assert len(pieces) == 10
    assert min(map(len, pieces)) > 0
    assert sorted(row["phash"] for row in file.read().to_pylist()) == [
        f"{1000 + number:016x}" for number in range(60)
    ]


@pytest.fixture
def filer(client, keys, scripts):
    """Files images into an empty archive."""
    return Filer(client, keys, scripts)


@pytest.fixture
def long_table(site, server, filer, wait):
    """A page of an archive with 400 clusters, whose table has 6 MB."""
    for phash in range(1000, 1400):
        for number in range(2):
            filer.file(phash, name=f"https://example.org/{'x' * 7000}/{phash}/{number}.jpg")
    return site.start_web(wait, LOOKALIKE_REDIS_URL=server.url_as("page"))


def test_who_leaves_during_a_download_leaves_nothing_behind(long_table, wait):
    host, port = long_table.url.removeprefix("http://").split(":")

    for _ in range(5):
        with socket.create_connection((host, int(port))) as leaver:
            leaver.sendall(b"GET /v1/clusters.jsonl HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert leaver.recv(4096).startswith(b"HTTP/1.1 200")

    whole = long_table.get("/v1/clusters.jsonl").body
    assert (whole.count(b"\n"), len(whole) > 5_000_000) == (400, True)
    # This test's own stays open.
    wait(lambda: _connections(int(port)) <= 1, what="the connections of those who left are closed")
    assert "Traceback" not in long_table.log.read_text()


def _connections(port):
    """Count the connections of a server on loopback that it has not closed: open, or left by the other side."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows if row[1].endswith(f":{port:04X}") and row[3] in ("01", "08"))


def test_without_the_extra_the_answer_says_what_to_install(site, wait, tmp_path):
    # As the import system sees a module that is not there.
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['pyarrow'] = None")
    lacking = site.start_web(wait, PYTHONPATH=str(tmp_path))

    answer = lacking.get("/v1/clusters.parquet")

    assert (answer.status, answer.json()["type"]) == (501, "/problems/no-parquet")
    assert "lookalike[parquet]" in answer.json()["detail"]
    assert "Parquet" not in lacking.get("/clusters").text
    assert "JSON lines" in lacking.get("/clusters").text
