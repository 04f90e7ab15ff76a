"""What a worker needs before its first image: settings that can be used, or nothing is begun and nothing left."""

import os
import subprocess
import sys
import threading

import pytest
from pydantic import SecretStr

from worker.child import Child
from worker.errors import ConfigurationError
from worker.settings import load_settings


def test_a_child_that_cannot_be_built_leaves_no_note_and_no_thread(server, uuid, tmp_path):
    settings = load_settings(
        redis_url=SecretStr(server.url_as("worker")),
        state_dir=tmp_path / "state",
        cache_dir=tmp_path / "cache",
        thumbnails="nosuch://x",
    )
    before = threading.active_count()

    with pytest.raises(ConfigurationError):
        Child(settings, uuid=uuid, parent="parent", wake=lambda _: None, stopping=lambda: False)

    assert (list(tmp_path.glob("state/notes/*/*")), threading.active_count()) == ([], before)


def test_a_worker_refuses_a_folder_of_thumbnails_that_it_cannot_use(service):
    worker = service.start_worker(LOOKALIKE_THUMBNAILS="nosuch://x")

    assert worker.wait(20) == 78
    assert "LOOKALIKE_THUMBNAILS" in service.log.read_text()


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_a_worker_refuses_a_pool_in_which_nothing_can_be_decoded(service, pool):
    refused = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-P", pool],
        env={**os.environ, **service.environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert (refused.returncode, "prefork" in refused.stderr) == (78, True)


def test_a_worker_that_refuses_to_start_leaves_no_lock(service):
    worker = service.start_worker(LOOKALIKE_THUMBNAILS="nosuch://x")

    assert worker.wait(20) == 78
    assert list(service.home.glob("state/workers/*")) == []
