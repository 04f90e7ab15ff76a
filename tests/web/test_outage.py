"""The archive's server goes and comes back: the page says so, and goes on by itself."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from role_server import RoleServer

from producer.server import connect
from tests.web_site import Web
from worker.archive import KnownArchives, Recipe, open_archive
from worker.embedded import DURABLE
from worker.hashing import golden_hashes
from worker.keyspace import Keyspace
from worker.phash import RECIPE


@pytest.fixture
def own():
    """A server that this test may kill, with an empty archive."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalike-web-")))
        server = stack.enter_context(RoleServer(home / "data", config={**DURABLE, "appendfsync": "always"}))
        with connect(server.url) as client:
            recipe = Recipe(RECIPE, golden_hashes())
            open_archive(client, keys=Keyspace("own"), recipe=recipe, known=KnownArchives(home / "known"))
        environment = {
            "LOOKALIKE_REDIS_URL": server.url_as("page"),
            "LOOKALIKE_ARCHIVE": "own",
            "LOOKALIKE_STATE_DIR": str(home / "state"),
            "LOOKALIKE_CACHE_DIR": str(home / "cache"),
        }
        yield server, Web(environment, home / "web.log")


def test_an_outage_is_told_and_over_when_the_server_is_back(own, wait):
    server, web = own
    wait(web.find_url, what="the page")
    assert web.get("/readyz").status == 200

    server.kill()

    answers = {
        path: web.get(path, Accept="text/html")
        for path in ("/healthz", "/readyz", "/v1/stats", "/", "/system")
    }
    assert {path: answer.status for path, answer in answers.items()} == {
        "/healthz": 200,
        "/readyz": 503,
        "/v1/stats": 503,
        "/": 503,
        "/system": 503,
    }
    assert answers["/v1/stats"].headers["Retry-After"] == "5"
    # Anybody may ask: where the server is stands in the log alone.
    assert web.get("/readyz").json()["detail"] == "ConnectionError"
    assert "not ready: ConnectionError: " in web.log.read_text()
    server.start()
    wait(lambda: web.get("/readyz").status == 200, what="the page is ready again")
    assert web.stop() == 0


def test_the_page_stops_in_good_order_while_its_server_is_away(own, wait):
    server, web = own
    wait(web.find_url, what="the page")
    server.kill()

    assert web.stop() == 0
