"""Images of the test's own, and workers whose processes die at exact lines."""

import os
from pathlib import Path

import pytest
from soft_images import Images

from worker.image_server import ImageServer

HOOKS = Path(__file__).parent / "hooks"


@pytest.fixture
def images(tmp_path):
    """Images of the test's own."""
    folder = tmp_path / "images"
    folder.mkdir()
    with ImageServer(folder) as server:
        yield Images(folder, server)


@pytest.fixture
def hooks(tmp_path):
    """The environment that loads the hooks into a worker."""
    marks = tmp_path / "marks"
    marks.mkdir()
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(HOOKS), os.environ.get("PYTHONPATH")))),
        "LOOKALIKE_TEST_MARKS": str(marks),
    }
