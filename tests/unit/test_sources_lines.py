import json
import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.readers.chunks import read_pipe
from producer.readers.json_lines import read_json_lines
from producer.readers.lines import MAX_LINE_BYTES, Lines
from producer.readers.rows import START, Position
from producer.readers.text import read_text, read_text_or_json


def in_chunks(content: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({cut % (len(content) + 1) for cut in cuts} | {0, len(content)})
    return [content[start:end] for start, end in pairwise(ends)]


@given(
    st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\n\n"])).map(b"".join),
    st.lists(st.integers(0, 99)),
)
def test_lines_are_those_of_the_file_however_it_is_cut_into_chunks(content, cuts):
    lines = Lines(in_chunks(content, cuts), after=START)

    given_out = [(line, lines.number, lines.offset) for line in lines]

    expected, offset = [], 0
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        offset += len(line)
        expected.append((line.removesuffix(b"\n"), number, offset))
    assert given_out == expected


@given(st.lists(st.sampled_from(["https://a.org/1", "", "x"]), max_size=20), st.integers(0, 20))
def test_reading_goes_on_behind_any_row(names, stop_at):
    content = "\n".join(names).encode()
    rows = list(read_text(Lines([content], after=START)))
    position = rows[min(stop_at, len(rows) - 1)].position if rows else START

    rest = list(read_text(Lines([content[position.offset :]], after=position)))

    assert rest == [row for row in rows if row.line > position.line]


@pytest.mark.parametrize("chunk_bytes", [1000, 1 << 18])
def test_an_endless_line_is_bad_and_costs_no_more_memory_than_its_limit(chunk_bytes):
    content = b"https://a.org/1\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\nhttps://a.org/2\n"
    chunks = [content[start : start + chunk_bytes] for start in range(0, len(content), chunk_bytes)]

    first, long, last = read_text(Lines(chunks, after=START))

    assert (first.values, last.values) == ({"url": "https://a.org/1"}, {"url": "https://a.org/2"})
    assert long.problem == "line of more than 1,048,576 bytes"
    assert len(long.text) == MAX_LINE_BYTES + 1
    assert last.position == Position(3, len(content))


def test_text_is_a_url_a_line_without_blanks_around_it():
    content = b"\xef\xbb\xbfhttps://a.org/1\r\n\n  https://a.org/2\t\n\xff\nlast"

    rows = list(read_text(Lines([content], after=START)))

    assert [(row.line, row.values and row.values["url"], row.problem) for row in rows] == [
        (1, "https://a.org/1", ""),
        (3, "https://a.org/2", ""),
        (4, None, "not UTF-8"),
        (5, "last", ""),
    ]


def test_utf_16_is_called_by_its_name():
    (first, *_) = read_text(Lines(["https://a.org/1\n".encode("utf-16")], after=START))

    assert first.problem == "not UTF-8, but UTF-16: convert the file"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"url": ', "no JSON: Expecting value at column 9"),
        (b'["https://a.org/1"]', "no JSON object: write one object a line"),
        (b"[" * 100_000, "no JSON that can be read: nested too deeply, or a number too long"),
        (b'{"a": ' + b"1" * 5000 + b"}", "no JSON that can be read: nested too deeply, or a number too long"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_line_that_is_no_json_object_is_bad(line, problem):
    bad, good = read_json_lines(Lines([line + b'\n\n{"url": "x"}\n'], after=START))

    assert (bad.line, bad.problem, bad.text) == (1, problem, line)
    assert (good.line, good.values) == (3, {"url": "x"})


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_json_lines_give_what_json_gives(values):
    (row,) = read_json_lines(Lines([json.dumps(values).encode()], after=START))

    assert row.values == values


def test_a_pipe_may_mix_urls_and_json():
    first, second = read_text_or_json(Lines([b'https://a.org/1\n {"url": "https://a.org/2"}\n'], after=START))

    assert (first.values, second.values) == ({"url": "https://a.org/1"}, {"url": "https://a.org/2"})


def test_a_pipe_tells_when_nothing_more_is_there():
    reader, writer = os.pipe()
    rows = read_text(Lines(read_pipe(reader), after=START))

    os.write(writer, b"https://a.org/1\nhttps://a.o")
    first = [next(rows), next(rows)]
    os.write(writer, b"rg/2\n")
    os.close(writer)
    second = list(rows)
    os.close(reader)

    assert [row and row.values["url"] for row in first] == ["https://a.org/1", None]
    assert [row.values["url"] for row in second if row] == ["https://a.org/2"]
