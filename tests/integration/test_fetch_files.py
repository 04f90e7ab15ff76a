"""Files are read below the roots alone."""

import os
from dataclasses import replace

import pytest

from tests.fetching import LIMITS, error_of
from worker.errors import EmptyBodyError, MissingFileError, RefusedSchemeError, TooLargeError
from worker.fetch import Fetcher


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "ä b.jpg").write_bytes(b"image")
    (root / "empty.jpg").write_bytes(b"")
    (root / "large.jpg").write_bytes(b"x" * (LIMITS.max_bytes + 1))
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "a.jpg").write_bytes(b"secret")
    (root / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (root / "inner.jpg").symlink_to(root / "ä b.jpg")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.jpg")
    return root


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("{root}/%C3%A4%20b.jpg", b"image"),
        ("{root}/ä b.jpg", b"image"),
        ("{root}/inner.jpg", b"image"),
        ("{root}/../root/inner.jpg", b"image"),
        ("{root}/empty.jpg", EmptyBodyError),
        ("{root}/large.jpg", TooLargeError),
        ("{root}/link.jpg", RefusedSchemeError),
        ("{root}/up/outside.jpg", RefusedSchemeError),
        ("{root}/../outside.jpg", RefusedSchemeError),
        ("{root}/%2e%2e/outside.jpg", RefusedSchemeError),
        ("{root}-beside/a.jpg", RefusedSchemeError),
        ("{root}/pipe.jpg", RefusedSchemeError),
        ("{root}", RefusedSchemeError),
        ("{root}/../absent.jpg", RefusedSchemeError),
        ("{root}/up/absent/a.jpg", RefusedSchemeError),
        ("/absent/a.jpg", RefusedSchemeError),
        ("/dev/zero", RefusedSchemeError),
        ("/proc/self/environ", RefusedSchemeError),
        ("{root}/missing.jpg", MissingFileError),
        ("{root}/a%00b.jpg", MissingFileError),
    ],
)
def test_a_file_is_read_below_its_root_only(folder, path, expected):
    fetcher = Fetcher(replace(LIMITS, file_roots=(folder,)))
    url = "file://" + path.format(root=folder)

    if isinstance(expected, bytes):
        assert fetcher.fetch(url) == expected
    else:
        assert type(error_of(fetcher, url)) is expected


def test_outside_of_its_root_what_exists_and_what_does_not_are_told_alike(folder):
    fetcher = Fetcher(replace(LIMITS, file_roots=(folder,)))

    there, absent = (
        error_of(fetcher, f"file://{folder.parent}/{name}.jpg") for name in ("outside", "absent")
    )

    assert str(there).replace("outside.jpg", "absent.jpg") == str(absent)


def test_no_file_is_read_without_a_root(fetcher, folder):
    assert isinstance(error_of(fetcher, f"file://{folder}/inner.jpg"), RefusedSchemeError)


def test_a_file_of_another_host_is_refused(folder):
    fetcher = Fetcher(replace(LIMITS, file_roots=(folder,)))

    assert isinstance(error_of(fetcher, f"file://evil.example{folder}/inner.jpg"), RefusedSchemeError)
