"""Writes the API as OpenAPI 3.1: `python -m worker.web.describe > docs/openapi.json`."""

import json
import sys

from worker.settings import Settings
from worker.web.app import make_app


def describe() -> str:
    """Give the description as JSON, the same wherever it is made."""
    return json.dumps(make_app(Settings()).openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(describe())
