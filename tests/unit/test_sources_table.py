import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.readers.lines import Lines
from producer.readers.rows import START
from producer.readers.table import MAX_RECORD_LINES, Table

HEADER = ["url", "id"]
cells = st.text(st.sampled_from('ab",;\n\t é'), max_size=8)


def read(content: str, *, delimiter: str = ","):
    table = Table(Lines([content.encode()], after=START), delimiter=delimiter)
    header = table.read_header()
    return header, list(table.read_rows(header))


@given(st.lists(st.tuples(cells, cells), max_size=10), st.sampled_from([",", "\t"]))
def test_a_table_gives_back_what_was_written(records, delimiter):
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([HEADER, *records])

    header, rows = read(written.getvalue(), delimiter=delimiter)

    assert header == HEADER
    assert [tuple(row.values.values()) for row in rows] == records


def test_rows_are_numbered_by_the_line_on_which_they_begin():
    _, rows = read('url,id\r\na,1\r\n\r\n"b\nb",2\nc,3\n')

    assert [(row.line, row.values) for row in rows] == [
        (2, {"url": "a", "id": "1"}),
        (4, {"url": "b\nb", "id": "2"}),
        (6, {"url": "c", "id": "3"}),
    ]


@pytest.mark.parametrize("lines_behind", [2, MAX_RECORD_LINES * 3])
def test_a_stray_quote_makes_its_own_line_bad_and_no_other(lines_behind):
    behind = "".join(f"x{number},{number}\n" for number in range(lines_behind))

    _, (bad, *good) = read('url,id\n"a,1\n' + behind)

    assert (bad.line, bad.problem, bad.text) == (2, "a quote that is not closed", b'"a,1')
    assert [row.values["url"] for row in good] == [f"x{number}" for number in range(lines_behind)]


def test_a_quote_that_is_closed_by_a_later_stray_one_makes_both_lines_bad():
    _, rows = read('url,id\n"a,1\nb,2\n"c,3\nd,4\n')

    assert [(row.line, bool(row.problem)) for row in rows] == [(2, True), (3, False), (4, True), (5, False)]


@pytest.mark.parametrize(("line", "fields"), [("a", 1), ("a,1,", 3)])
def test_a_row_with_another_number_of_fields_is_bad(line, fields):
    _, (bad,) = read(f"url,id\n{line}\n")

    assert bad.problem == f"{fields} fields, where the header has 2"


def test_an_empty_file_has_no_columns():
    assert read("") == ([], [])


@given(st.text(st.sampled_from('a",\n'), max_size=60))
def test_no_line_is_swallowed(content):
    _, rows = read("url,id\n" + content)

    told = "\n".join(row.text.decode() for row in rows)
    assert [line for line in told.split("\n") if line] == [line for line in content.split("\n") if line]


@given(st.text(st.sampled_from('a",\n'), max_size=40), st.integers(0, 20))
def test_reading_goes_on_behind_any_row(content, stop_at):
    whole = "url,id\n" + content
    header, rows = read(whole)
    if not rows:
        return
    position = rows[min(stop_at, len(rows) - 1)].position

    lines = Lines([whole.encode()[position.offset :]], after=position)
    rest = list(Table(lines, delimiter=",").read_rows(header))

    assert rest == [row for row in rows if row.position > position]
