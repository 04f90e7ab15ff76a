"""Parquet files as others write them, read row group by row group."""

import datetime as dt
import decimal

import pytest

from producer.mapping import FieldMapping
from producer.readers.rows import START
from producer.sources import find_sources

pyarrow = pytest.importorskip("pyarrow", reason="an extra")
parquet = pytest.importorskip("pyarrow.parquet", reason="an extra")

MOMENT = dt.datetime(2026, 11, 22, 10, 53, 16, 123456, tzinfo=dt.UTC)


def write(path, columns, **options):
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def find_one(path):
    (source,) = find_sources([str(path)], given_format=None, is_followed=False)
    return source


def read(path, *, after=START, **mapping):
    return list(
        find_one(path).rows(
            after=after, as_names=False, choose_columns=FieldMapping(**mapping).choose_columns
        )
    )


def urls(count):
    return [f"https://a.org/{number}" for number in range(count)]


@pytest.mark.parametrize("row_group_size", [1, 7, 1500, 10_000])
def test_every_row_of_every_row_group_comes_once_and_in_order(row_group_size, tmp_path):
    path = write(tmp_path / "a.parquet", {"url": urls(2600)}, row_group_size=row_group_size)

    rows = read(path)

    assert [row.values["url"] for row in rows] == urls(2600)
    assert [row.line for row in rows] == list(range(1, 2601))
    for stop in (rows[0], rows[6], rows[999], rows[1000], rows[1499], rows[2598], rows[2599]):
        assert read(path, after=stop.position) == rows[stop.line :]


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (pyarrow.array([7], pyarrow.int64()), 7),
        (pyarrow.array(["a"]).dictionary_encode(), "a"),
        (pyarrow.array([b"a\xc3\xa9"], pyarrow.binary()), "aé"),
        (pyarrow.array([MOMENT], pyarrow.timestamp("us", "UTC")), "2026-11-22T10:53:16.123456+00:00"),
        (pyarrow.array([1_795_344_796_123_456_789], pyarrow.timestamp("ns")), "2026-11-22T10:53:16.123456"),
        (pyarrow.array([MOMENT.date()], pyarrow.date32()), "2026-11-22"),
        (pyarrow.array([decimal.Decimal("1.50")]), "1.50"),
        (pyarrow.array([["a", None]]), ["a", None]),
        (pyarrow.array([{"a": MOMENT.date(), "b": [b"x"]}]), {"a": "2026-11-22", "b": ["x"]}),
        (
            pyarrow.array([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
            {"a": 1},
        ),
        (pyarrow.array([None], pyarrow.string()), None),
    ],
)
def test_values_are_what_json_lines_would_have(array, value, tmp_path):
    path = write(tmp_path / "a.pq", {"url": urls(1), "meta": array})

    (row,) = read(path)

    assert row.values == {"url": "https://a.org/0", "meta": value}


def test_moments_lists_and_structs_become_messages(tmp_path):
    path = write(
        tmp_path / "a.parquet",
        {
            "image_urls": [urls(2)],
            "scraped_at": pyarrow.array([MOMENT], pyarrow.timestamp("ms", "Asia/Kolkata")),
            "meta": [{"likes": 3}],
        },
    )
    (row,) = read(path)

    messages = FieldMapping().messages(row.values)

    assert [(message.url, message.meta) for message in messages] == [(url, {"likes": 3}) for url in urls(2)]
    assert messages[0].scraped_at == MOMENT.replace(microsecond=123000)


def test_only_the_columns_that_messages_need_are_read(tmp_path):
    path = write(tmp_path / "a.parquet", {"text": ["x" * 99] * 3, "url": urls(3), "likes": [1, 2, 3]})

    rows = read(path, ignores_unknown=True, meta_names=("likes",))

    assert [row.values for row in rows] == [
        {"url": url, "likes": likes} for url, likes in zip(urls(3), (1, 2, 3), strict=True)
    ]


def test_a_row_that_is_not_utf_8_is_bad_and_no_other(tmp_path):
    bad = pyarrow.StringArray.from_buffers(
        3,
        pyarrow.array([b"https://a.org/0", b"\xff\xfe", b"https://a.org/2"], pyarrow.binary()).buffers()[1],
        pyarrow.array([b"https://a.org/0", b"\xff\xfe", b"https://a.org/2"], pyarrow.binary()).buffers()[2],
    )
    path = write(tmp_path / "a.parquet", {"url": bad, "id": ["a", "b", "c"]})

    first, second, third = read(path)

    assert (first.values["url"], third.values["url"]) == ("https://a.org/0", "https://a.org/2")
    assert (second.line, second.problem, second.text) == (2, "url: not UTF-8", b'{"url": null, "id": "b"}')


def test_columns_that_the_contract_does_not_know_make_one_bad_row(tmp_path):
    path = write(tmp_path / "a.parquet", {"url": urls(3), "likes": [1, 2, 3]})

    (row,) = read(path)

    assert row.problem.startswith("columns: unknown field 'likes'")


def test_what_is_no_parquet_file_is_one_bad_row(tmp_path):
    (tmp_path / "a.parquet").write_text("https://a.org/1\n" * 99)

    (row,) = read(tmp_path / "a.parquet")

    assert row.problem.startswith("cannot be read further: no Parquet file that can be read: ")


def test_a_file_with_a_damaged_page_ends_with_a_bad_row_behind_what_is_whole(tmp_path):
    path = write(
        tmp_path / "a.parquet",
        {"url": urls(4000)},
        row_group_size=2000,
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
    )
    content = path.read_bytes()
    path.write_bytes(content.replace(b"https://a.org/3000", b"https://b.org/3000", 1))

    *rows, last = read(path)

    assert [row.values["url"] for row in rows] == urls(4000)[: len(rows)]
    assert len(rows) >= 2000
    assert last.line == len(rows) + 1
    assert last.problem.startswith("cannot be read further: broken or cut off: ")


@pytest.mark.parametrize(
    ("name", "given_format", "told"),
    [
        ("-", "parquet", "Parquet cannot be read from a pipe"),
        ("a.parquet.gz", None, "a Parquet file is packed within"),
    ],
)
def test_what_cannot_be_is_told_beforehand(name, given_format, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.parquet.gz").write_bytes(b"")

    with pytest.raises(ValueError, match=told):
        find_sources([name], given_format=given_format, is_followed=False)
