import bz2
import gzip
import os

import pytest

from producer.checkpoint import Checkpoint, CheckpointError
from producer.mapping import FieldMapping
from producer.readers.chunks import BrokenFileError, read_file, unpack
from producer.readers.lines import Lines
from producer.readers.rows import START, Position
from producer.readers.text import read_text
from producer.sources import find_sources
from producer.steps import Counts

CONTENTS = {
    "text": "https://a.org/1\nhttps://a.org/2\n",
    "csv": 'url,id\nhttps://a.org/1,\n"https://a.org/2",\n',
    "tsv": "id\turl\n\thttps://a.org/1\n\thttps://a.org/2\n",
    "jsonl": '{"url":"https://a.org/1"}\n{"url":"https://a.org/2"}\n',
}


def pack(suffix, content):
    match suffix:
        case ".gz":
            return gzip.compress(content, 1)
        case ".bz2":
            return bz2.compress(content, 1)
        case ".zst":
            zstd = pytest.importorskip("backports.zstd", reason="an extra, or Python 3.14")
            return zstd.compress(content)
        case _:
            return content


def read(source, *, after=START, as_names=False):
    return list(source.rows(after=after, as_names=as_names, choose_columns=FieldMapping().choose_columns))


def find_one(name, *, given_format=None):
    (source,) = find_sources([str(name)], given_format=given_format, is_followed=False)
    return source


@pytest.mark.parametrize("packing", ["", ".gz", ".bz2", ".zst"])
@pytest.mark.parametrize(
    ("suffix", "given_format"),
    [
        (".txt", None),
        ("", None),
        (".csv", None),
        (".TSV", None),
        (".jsonl", None),
        (".ndjson", None),
        (".dat", "csv"),
    ],
)
def test_a_file_is_read_as_its_name_or_its_reader_says(suffix, given_format, packing, tmp_path):
    kind = given_format or {".TSV": "tsv", ".ndjson": "jsonl"}.get(suffix, suffix.removeprefix("."))
    path = tmp_path / f"feed{suffix}{packing}"
    path.write_bytes(pack(packing, CONTENTS.get(kind, CONTENTS["text"]).encode()))
    source = find_one(path, given_format=given_format)

    rows = read(source)

    assert [row.values["url"] for row in rows] == ["https://a.org/1", "https://a.org/2"]
    for stop in rows:
        assert read(source, after=stop.position) == [row for row in rows if row.line > stop.line]


def test_a_pattern_stands_for_its_files_in_order(tmp_path):
    for name in ("b.txt", "a.txt", "[x].txt"):
        (tmp_path / name).write_text("https://a.org/1\n")

    found = find_sources(
        [f"{tmp_path}/[ab].txt", f"{tmp_path}/[x].txt"], given_format=None, is_followed=False
    )

    assert [source.name for source in found] == [
        f"{tmp_path}/{name}" for name in ("a.txt", "b.txt", "[x].txt")
    ]


@pytest.mark.parametrize("name", ["none.txt", "none*"])
def test_a_missing_file_is_named(name):
    with pytest.raises(ValueError, match="no such file or folder"):
        find_one(name)


def test_a_table_without_a_url_column_is_one_bad_row(tmp_path):
    (tmp_path / "a.csv").write_text("https://a.org/1\nhttps://a.org/2\n")

    (row,) = read(find_one(tmp_path / "a.csv"))

    assert row.problem.startswith("header: no column url or image_url or image_urls, but https://a.org/1")


def test_a_broken_file_ends_with_a_bad_row(tmp_path):
    whole = pack(".gz", b"https://a.org/1\n" * 1000)
    (tmp_path / "a.txt.gz").write_bytes(whole[:-10])

    *rows, last = read(find_one(tmp_path / "a.txt.gz"))

    assert all(row.values == {"url": "https://a.org/1"} for row in rows)
    assert last.problem.startswith("cannot be read further: broken or cut off")


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("b.jpg", "a/z.PNG", "a/b c.webp", "a.gif", "notes.txt", "a/é.avif"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"")
        (tmp_path / "a" / "loop").symlink_to(tmp_path)
        return tmp_path

    def test_a_folder_stands_for_its_images(self, folder):
        rows = read(find_one(folder))

        assert [row.values["url"] for row in rows] == [
            f"file://{folder}/{name}"
            for name in ("a/b%20c.webp", "a/z.PNG", "a/%C3%A9.avif", "a.gif", "b.jpg")
        ]

    def test_with_a_base_url_it_gives_names(self, folder):
        names = ["a/b c.webp", "a/z.PNG", "a/é.avif", "a.gif", "b.jpg"]

        assert [row.values["url"] for row in read(find_one(folder), as_names=True)] == names

    def test_reading_goes_on_behind_any_file_although_others_have_come(self, folder):
        rows = read(find_one(folder), as_names=True)
        (folder / "a" / "a.jpg").write_bytes(b"")

        for stop in rows:
            rest = read(find_one(folder), as_names=True, after=stop.position)
            assert rest == [row for row in rows if row.line > stop.line]

    def test_a_name_that_is_not_utf_8_is_a_url_all_the_same(self, tmp_path):
        (tmp_path / os.fsdecode(b"a\xff.jpg")).write_bytes(b"")

        (row,) = read(find_one(tmp_path))

        assert row.values["url"] == f"file://{tmp_path}/a%FF.jpg"

    def test_a_single_image_is_a_source_too(self, folder):
        assert [row.values["url"] for row in read(find_one(folder / "b.jpg"))] == [f"file://{folder}/b.jpg"]


def note(path, source, position, *, accepted=1):
    checkpoint = Checkpoint(path, target="t")
    checkpoint.note(checkpoint.next_step(source, position, accepted=accepted))
    return checkpoint


class TestCheckpoint:
    @pytest.fixture
    def source(self, tmp_path):
        (tmp_path / "a.txt").write_text("https://a.org/1\nhttps://a.org/2\n")
        return find_one(tmp_path / "a.txt")

    def test_it_gives_back_place_and_counts(self, source, tmp_path):
        first = note(tmp_path / "c", source, Position(1, 16), accepted=7)

        second = Checkpoint(tmp_path / "c", target="t")

        assert (second.position(source), second.counts) == (Position(1, 16), Counts(accepted=7))
        assert second.run == first.run

    def test_it_catches_up_with_what_the_server_took(self, source, tmp_path):
        first = note(tmp_path / "c", source, Position(1, 16))
        unnoted = first.next_step(source, Position(2, 32), accepted=1)
        second = Checkpoint(tmp_path / "c", target="t")

        second.catch_up(unnoted)

        assert (second.position(source), second.counts) == (Position(2, 32), Counts(accepted=2))
        assert second.next_step(source, Position(3, 48), accepted=1).number == unnoted.number + 1

    def test_it_believes_itself_where_the_server_has_forgotten(self, source, tmp_path):
        first = Checkpoint(None, target="t")
        older = first.next_step(source, Position(1, 16), accepted=1)
        note(tmp_path / "c", source, Position(2, 32))
        second = Checkpoint(tmp_path / "c", target="t")

        second.catch_up(older)

        assert second.position(source) == Position(2, 32)

    def test_a_file_may_grow(self, source, tmp_path):
        note(tmp_path / "c", source, Position(2, 32))
        with (tmp_path / "a.txt").open("a") as file:
            file.write("https://a.org/3\n")

        position = Checkpoint(tmp_path / "c", target="t").position(find_one(tmp_path / "a.txt"))

        assert position == Position(2, 32)

    def test_another_file_is_refused(self, source, tmp_path):
        note(tmp_path / "c", source, Position(1, 16))
        (tmp_path / "a.txt").write_text("https://b.org/1\nhttps://a.org/2\n")

        with pytest.raises(CheckpointError, match=r"a\.txt is not the file that .*c tells of"):
            Checkpoint(tmp_path / "c", target="t").position(source)

    def test_another_target_is_refused(self, source, tmp_path):
        note(tmp_path / "c", source, Position(1, 16))

        with pytest.raises(CheckpointError, match="tells of a run into t, this one is into two"):
            Checkpoint(tmp_path / "c", target="two")

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 2}', '{"version": 1, "target": "t"}'])
    def test_a_damaged_one_is_refused(self, content, tmp_path):
        (tmp_path / "c").write_text(content)

        with pytest.raises(
            CheckpointError, match=r"no checkpoint that can be read|written by another version"
        ):
            Checkpoint(tmp_path / "c", target="t")


class TestPackedFiles:
    @pytest.mark.parametrize("suffix", [".gz", ".bz2"])
    def test_a_cut_off_file_is_told_and_its_last_half_line_is_not_read(self, suffix, tmp_path):
        whole = pack(suffix, b"".join(b"https://a.org/%d\n" % number for number in range(200_000)))
        (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])

        with (tmp_path / "cut").open("rb") as raw, unpack(raw, suffix) as file:
            rows = read_text(Lines(read_file(file), after=START))
            numbers = []
            with pytest.raises(BrokenFileError, match="broken or cut off"):
                numbers.extend(int(row.values["url"].removeprefix("https://a.org/")) for row in rows)
            assert numbers == list(range(len(numbers)))

    @pytest.mark.parametrize("suffix", [".gz", ".bz2"])
    def test_a_file_that_is_packed_otherwise_is_told(self, suffix, tmp_path):
        (tmp_path / "x").write_bytes(b"https://a.org/1\n")

        with (tmp_path / "x").open("rb") as raw, unpack(raw, suffix) as file, pytest.raises(BrokenFileError):
            list(read_file(file))
