"""What tests of downloads share."""

import pytest

from tests.fetching import LIMITS
from tests.scripted_host import ScriptedHost, answer
from worker.fetch import Fetcher


@pytest.fixture
def fetcher():
    return Fetcher(LIMITS)


@pytest.fixture
def canary():
    """A listener that nobody may connect to."""
    with ScriptedHost(answer(b"secret of the intranet"), address="127.0.0.2") as host:
        yield host
