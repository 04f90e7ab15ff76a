"""`lookalike up`: everything in one terminal, found by the other verbs of its folder, gone after a signal."""

import signal
import subprocess
import sys

import pytest

from tests.conftest import wait_until
from worker.archive import KnownArchives

LOCAL = {"LOOKALIKE_ALLOW_NETWORKS": "127.0.0.0/8"}


def _wait_ready(run):
    wait_until(
        lambda: "ready at" in run.err or run.process.poll() is not None, timeout_s=60, what="up is ready"
    )
    assert run.process.poll() is None, run.err


def test_one_terminal_does_everything_and_ctrl_c_ends_it(command, demo_images):
    names = ("astronaut.jpg", "astronaut__warm.jpg")
    (command.folder / "urls.txt").write_text("\n".join(demo_images.base_url + name for name in names))

    with command.running("up", "--json", **LOCAL) as run:
        _wait_ready(run)
        command.run("enqueue", "urls.txt")
        wait_until(lambda: run.out, timeout_s=60, what="an alert on the terminal")
        [stats] = command.rows("stats")
        [status] = command.rows("status")
        [event] = command.rows("alerts")
        ended = run.interrupt()

        assert (ended, run.processes(), run.files()) == (130, [], [])
        assert event["id"] in run.out
    assert (stats["images"], stats["alerts"], status["workers"]) == (2, 1, 1)
    told = command.run("stats", status=69)
    assert "run `lookalike up` here" in told.stderr


def test_failures_and_misspelt_variables_are_told_once_each(command, demo_images):
    # Loopback is no public address.
    (command.folder / "urls.txt").write_text(
        "\n".join(demo_images.base_url + name for name in ("astronaut.jpg", "chelsea.jpg"))
    )

    with command.running("up", "--json", LOOKALIKE_CONCURENCY="7") as run:
        _wait_ready(run)
        command.run("enqueue", "urls.txt")
        wait_until(lambda: "failed (" in run.err, timeout_s=60, what="a line on the failures")
        command.run("enqueue", "urls.txt")
        wait_until(lambda: command.rows("status")[0]["failures"] == 4, timeout_s=60, what="two more failures")
        run.interrupt()
        told = run.err

    line = "lookalike: 2 images failed (2 refused_address): `lookalike failures` tells why"
    assert told.splitlines().count(line) == 2  # soon, and at the end
    assert told.count("failed (") == 2
    assert told.count("LOOKALIKE_CONCURENCY is no setting; did you mean LOOKALIKE_CONCURRENCY?") == 1
    assert "SecurityWarning" not in told


def test_sigterm_ends_it_in_good_order_and_the_archive_stays(command, demo_images):
    with command.running("up", **LOCAL) as run:
        _wait_ready(run)
        [before] = command.rows("archive")
        ended = run.interrupt(signal.SIGTERM)
        assert (ended, run.processes()) == (0, [])

    with command.running("up", **LOCAL) as run:
        _wait_ready(run)
        [after] = command.rows("archive")
        run.interrupt(signal.SIGTERM)

    assert after == before


def test_celery_starts_another_worker_of_the_same_archive_in_its_folder(command):
    line = [sys.executable, "-P", "-m", "celery", "-A", "worker.app", "worker", "--concurrency", "1"]
    with command.running("up", "--concurrency", "1") as run:
        _wait_ready(run)

        with subprocess.Popen(line, cwd=command.folder, env=command.environment) as worker:
            wait_until(
                lambda: command.rows("status")[0]["workers"] == 2, timeout_s=60, what="a second worker"
            )
            worker.terminate()

        run.interrupt()


def test_a_second_one_in_the_same_folder_is_refused(command):
    with command.running("up") as run:
        _wait_ready(run)

        told = command.run("up", status=69)
        run.interrupt()

    assert "another `lookalike up` is running" in told.stderr


def test_it_ends_with_the_status_of_a_worker_that_may_not_start_until_the_archive_is_accepted(command):
    with command.running("up") as run:
        _wait_ready(run)
        [archive] = command.rows("archive")
        run.interrupt()
    known = KnownArchives(command.folder / "lookalike-data" / "state")
    known.remember(archive["server"], "default", "0" * 32)

    refused = command.run("up", status=78)
    accepted = command.run("archive", "new")
    with command.running("up") as run:
        _wait_ready(run)
        run.interrupt()

    assert "`lookalike archive new`" in refused.stderr
    assert "was " + "0" * 32 in accepted.stderr


def test_a_server_that_is_named_and_away_is_told(command):
    told = command.run("up", status=69, LOOKALIKE_REDIS_URL="redis://user:secret@127.0.0.1:1/0")

    assert told.stderr == (
        "lookalike: no server answers at redis://127.0.0.1:1/0: start it, or correct LOOKALIKE_REDIS_URL\n"
    )


@pytest.mark.parametrize("verb", ["stats", "status", "alerts", "clusters", "failures", "archive"])
def test_a_verb_without_a_server_says_so_in_one_sentence(command, verb):
    told = command.run(verb, status=69, LOOKALIKE_REDIS_URL="unix:///nowhere/valkey.sock?db=0")

    assert told.stderr == (
        "lookalike: no server answers at /nowhere/valkey.sock: start it, or correct LOOKALIKE_REDIS_URL\n"
    )


def test_killed_it_takes_its_worker_along_and_starts_again_where_it_was(command):
    with command.running("up") as run:
        _wait_ready(run)
        [before] = command.rows("archive")
        run.interrupt(signal.SIGKILL)
        wait_until(lambda: len(run.processes()) <= 1, timeout_s=30, what="only the server is left")

        with command.running("up") as another:
            _wait_ready(another)
            [after] = command.rows("archive")
            assert run.processes() == []
            another.interrupt()

    assert after == before
