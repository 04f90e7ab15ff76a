"""The API to read: complete, true, and of use without a script."""

import gzip
import json
import re
import shlex
from html import unescape

import pytest
import urllib3

from tests.web_site import DEMO_FOLDER, ROOT

DESCRIPTION = json.loads((ROOT / "docs" / "openapi.json").read_text())
OPERATIONS = [
    (method.upper(), path) for path, operations in DESCRIPTION["paths"].items() for method in operations
]


@pytest.fixture(scope="module")
def page(site):
    return site.web.get("/v1/docs").text


@pytest.fixture
def pool():
    with urllib3.PoolManager(timeout=20) as made:
        yield made


def _examples(html):
    return [unescape(found) for found in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", html, re.DOTALL)]


def test_every_operation_and_every_object_is_there(page):
    shown = re.findall(r'<b class="method \w+">(\w+)</b> <code>([^<]+)</code>', page)

    assert sorted(shown) == sorted(OPERATIONS)
    assert set(re.findall(r'id="shape-(\w+)"', page)) == set(DESCRIPTION["components"]["schemas"])
    assert set(re.findall(r'href="#shape-(\w+)"', page)) <= set(DESCRIPTION["components"]["schemas"])


def test_every_parameter_is_told(page):
    untold = [
        (path, parameter["name"])
        for path, operations in DESCRIPTION["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if not parameter.get("description") and not parameter["schema"].get("description")
    ]

    assert untold == []


def test_every_example_works(page, site, pool):
    examples = _examples(page)

    answers = {}
    for example in examples:
        words = shlex.split(example)
        url = next(word for word in words if word.startswith("http"))
        assert url.startswith(site.web.url)
        headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
        given = {words[at]: words[at + 1] for at in range(len(words) - 1)}
        options = {"headers": headers}
        if "-F" in given:
            assert given["-F"] == "file=@photo.jpg"
            options = {"fields": {"file": ("photo.jpg", (DEMO_FOLDER / "rocket.jpg").read_bytes())}}
        if "-d" in given:
            options["body"] = given["-d"]
        method = "POST" if "-d" in given or "-F" in given else "GET"
        path = url.removeprefix(site.web.url)
        if path == "/v1/images":
            # It would be downloaded from outside.
            options["body"] = json.dumps({"url": f"{site.images.base_url}land_snow5.jpg"})
        # One of them never ends: what it begins with is enough.
        response = pool.request(method, url, preload_content=False, **options)
        answers[f"{method} {path}"] = response.status
        response.close()

    assert len(answers) == len(OPERATIONS)
    assert set(answers.values()) <= {200, 202}, answers


def test_words_narrow_the_operations(site):
    found = re.findall(
        r'<b class="method \w+">(\w+)</b> <code>([^<]+)</code>', site.web.get("/v1/docs?q=parquet").text
    )

    assert found == [("GET", "/v1/clusters.parquet")]
    assert "1 of 17 operations" in site.web.get("/v1/docs?q=PARQUET").text
    assert "No operation is about" in site.web.get("/v1/docs?q=%3Cscript%3E").text
    assert "<script>" not in site.web.get("/v1/docs?q=%3Cscript%3E").text


def test_words_of_an_object_find_the_operations_that_give_it(site):
    def found(words):
        html = site.web.get(f"/v1/docs?q={words}").text
        return set(re.findall(r'<b class="method \w+">\w+</b> <code>([^<]+)</code>', html))

    assert found("thumbnail") == found("scraped_at") - {"/v1/images"} >= {"/v1/search", "/v1/clusters"}
    assert found("clusters_by_min_size") == {"/v1/stats"}


def test_it_is_small(page):
    assert len(gzip.compress(page.encode())) < 15_000
