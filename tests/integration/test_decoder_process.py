"""A process that decodes for another one: what it answers, and what happens where it cannot be started or asked."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from worker.decoder_process import DecoderProcess
from worker.errors import NotAnImageError, SuspectNotTriedError, WorkerDiedError
from worker.hashing import hash_image

PICTURE = (Path(__file__).parent.parent.parent / "demo" / "chelsea.jpg").read_bytes()
LIMITS = {"max_pixels": 10**8, "timeout_s": 10, "memory_bytes": 2**29}


@pytest.fixture
def process():
    made = DecoderProcess(**LIMITS)
    yield made
    made.end()


@pytest.fixture
def no_more_files():
    """Let this process open no further file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_answers_one_body_after_the_other_also_after_a_bad_one(process):
    with pytest.raises(NotAnImageError):
        process.hash(b"no image")

    seen = process.hash(PICTURE)

    assert seen.hashed == hash_image(PICTURE, max_pixels=10**8)
    assert seen.webp


def test_killed_it_says_so(process):
    process.wait_ready()
    process.kill()

    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        process.hash(PICTURE)
    assert not process.is_alive()


def test_one_that_ends_before_it_is_ready_has_tried_nothing(process):
    process.kill()

    with pytest.raises(SuspectNotTriedError, match="SIGKILL"):
        process.hash(PICTURE)


@pytest.mark.usefixtures("no_more_files")
def test_one_that_cannot_be_started_has_tried_nothing():
    with pytest.raises(SuspectNotTriedError, match="Too many open files"):
        DecoderProcess(**LIMITS)


@pytest.mark.parametrize("tied", [True, False])
def test_one_whose_starter_is_killed_before_it_is_ready_ends_in_silence(tied):
    code = (
        "import os\n"
        "from worker.decoder_process import DecoderProcess\n"
        f"DecoderProcess(**{LIMITS}, tied={tied})\n"
        f"os.kill(os.getpid(), {signal.SIGKILL:d})"
    )

    # It ends when nobody holds its stderr any more, the process included.
    ended = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, timeout=30, check=False)

    assert (ended.returncode, ended.stderr) == (-signal.SIGKILL, b"")
