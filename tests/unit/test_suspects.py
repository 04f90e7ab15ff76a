"""A suspect's process: what happens where it cannot even be started."""

import os
import resource
from contextlib import nullcontext

import pytest

from worker.errors import SuspectNotTriedError
from worker.suspects import hash_apart


@pytest.fixture
def no_more_files():
    """Let this process open no further file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("no_more_files")
def test_a_suspect_whose_process_cannot_be_started_comes_again_later():
    with pytest.raises(SuspectNotTriedError):
        hash_apart(b"", max_pixels=1, timeout_s=1, decoding=nullcontext(), stopping=lambda: False)
