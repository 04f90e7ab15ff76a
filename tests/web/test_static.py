"""What a browser loads: known files, ours, small; nothing from anywhere else."""

import gzip
import hashlib
import re
from pathlib import Path

import worker.web

WEB = Path(worker.web.__file__).parent
STATIC = WEB / "static"
VENDOR = STATIC / "vendor"
WEIGHT_BYTES = 80_000


def _listed():
    rows = re.findall(
        r"^\| `([^`]+)` \| (\S+) \| (\S+) \| (\S+) \| `([0-9a-f]{64})` \|",
        (VENDOR / "LICENCES.md").read_text(),
        re.MULTILINE,
    )
    return {file: (package, version, licence, digest) for file, package, version, licence, digest in rows}


def test_every_vendored_file_is_listed_with_its_digest():
    files = {path.name: path for path in VENDOR.iterdir() if path.suffix != ".md"}
    listed = _listed()

    assert set(files) == set(listed)
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == {
        name: row[3] for name, row in listed.items()
    }


def test_every_vendored_package_comes_with_its_licence():
    text = (VENDOR / "LICENCES.md").read_text()

    assert [package for package, *_ in _listed().values() if f"### {package}\n" not in text] == []


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_inline():
    ours = [*(WEB / "templates").iterdir(), *(path for path in STATIC.iterdir() if path.is_file())]
    wrong = [
        f"{path.name}: {found}"
        for path in ours
        for found in re.findall(
            r"(?:src|href|url|action|import)\s*[=(]\s*[\"']?(?:https?:)?//[^\s\"']+|\sstyle=\"|\son[a-z]+=\"|hx-on|<style|js:",
            path.read_text(),
        )
    ]

    assert wrong == []


def test_a_page_weighs_little(web):
    for page in ("/", "/clusters", "/search", "/compare", "/system", "/v1/docs"):
        html = web.get(page).text
        loaded = set(re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", html)) | {
            f"/static/{module}.js" for module in ("live", "drop", "compare", "chart")
        }
        weight = len(gzip.compress(html.encode())) + sum(
            len(gzip.compress(web.get(path).body)) for path in loaded
        )

        assert weight < WEIGHT_BYTES, f"{page}: {weight}"
