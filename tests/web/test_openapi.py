"""The description of the API that is committed is the one that the service gives."""

import json

from tests.web_site import ROOT
from worker.web.describe import describe


def test_the_committed_description_is_that_of_the_code(monkeypatch):
    for name in ("LOOKALIKE_API_TOKENS_FILE", "LOOKALIKE_WEB_HOST"):
        monkeypatch.delenv(name, raising=False)

    written = (ROOT / "docs" / "openapi.json").read_text()

    assert written == describe(), "run python -m worker.web.describe > docs/openapi.json"


def test_the_service_gives_it_too(web):
    assert web.get("/v1/openapi.json").json() == json.loads((ROOT / "docs" / "openapi.json").read_text())


def test_every_operation_tells_its_problems_and_has_a_sentence():
    description = json.loads((ROOT / "docs" / "openapi.json").read_text())

    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            assert {"401", "403", "422", "503"} <= set(operation["responses"]), (method, path)
