"""The manual pages in docs/man, which a wheel carries to share/man/man1."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from worker.manual import pages

FOLDER = Path(__file__).parent.parent.parent / "docs" / "man"
PAGES = sorted(FOLDER.glob("*.1"))


def test_the_pages_say_what_help_says():
    assert {path.stem: path.read_text() for path in PAGES} == dict(pages()), "make man"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_the_sections_that_a_reader_looks_for(path):
    page = path.read_text()

    sections = [line.removeprefix(".SH ") for line in page.splitlines() if line.startswith(".SH ")]

    assert sections[:4] == ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"]
    assert {"EXAMPLES", "EXIT STATUS"} <= set(sections) or path.stem == "lookalike"
    assert sections[-1] == ("ENVIRONMENT" if path.stem == "lookalike" else "SEE ALSO")


@pytest.mark.parametrize(
    "line",
    [["man", "--warnings", "-E", "utf8", "-l"], ["mandoc", "-T", "lint", "-W", "error"]],
    ids=["man", "mandoc"],
)
def test_the_pages_render_without_a_complaint(line):
    if shutil.which(line[0]) is None:
        pytest.skip(f"{line[0]} is not here")

    done = subprocess.run(
        [*line, *PAGES],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MANPAGER": "cat", "LC_ALL": "C.UTF-8"},
    )

    assert done.stderr == ""
