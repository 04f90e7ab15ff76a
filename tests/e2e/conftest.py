"""A deployment of this test alone."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.deployment import Deployment


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Give the deployment's server, running, and what starts its services."""
    with ExitStack() as stack:
        made = Deployment(tmp_path, stack)
        made.start_server()
        yield made
