"""Verbs while workers work: failures get another try, alerts are followed, a new archive is announced."""

import json
import shutil

import pytest

from tests.command import Command
from tests.conftest import DEMO_FOLDER, wait_until
from worker.image_server import ImageServer


@pytest.fixture
def own_command(service):
    """The command `lookalike` with the settings of the service."""
    return Command(service.home, service.environment)


@pytest.fixture
def folder(tmp_path):
    """A folder of images, empty at first."""
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def test_a_failure_that_is_retried_is_recorded_once_its_cause_is_gone(service, own_command, producer, folder):
    with ImageServer(folder) as images:
        service.start_worker()
        producer.send(images.base_url + "chelsea.jpg", source="desk", meta={"post": 7})
        producer.send_many([images.base_url + "never.jpg", images.base_url + "never-2.jpg"])
        service.wait_done(images=3)
        shutil.copy(DEMO_FOLDER / "chelsea.jpg", folder)
        by_url = {row["url"].rpartition("/")[2]: row["entry"] for row in own_command.rows("failures")}

        moved = own_command.run("failures", "retry", by_url["chelsea.jpg"])
        wait_until(
            lambda: own_command.rows("stats")[0]["images"] == 1, timeout_s=40, what="the image is recorded"
        )
        again = own_command.run("failures", "retry", by_url["chelsea.jpg"], status=1)
        everything = own_command.run("failures", "retry", "--all")
        stats = service.wait_done(images=3)

    assert "1 image put back onto the backlog" in moved.stderr
    assert f"no failure: {by_url['chelsea.jpg']}" in again.stderr
    assert "2 images put back onto the backlog" in everything.stderr
    assert (stats["images"], stats["failures"]) == (1, 2)
    [cluster] = own_command.rows("clusters", "--min-size", "1")
    assert cluster["urls"] == [images.base_url + "chelsea.jpg"]


def test_followed_alerts_come_as_they_are_published(service, own_command, producer, demo_images):
    service.start_worker()
    with own_command.running("alerts", "--follow", "--json") as run:
        producer.send_many([demo_images.base_url + name for name in ("chelsea.jpg", "chelsea__gif.gif")])
        wait_until(lambda: run.out.count("\n") == 1, timeout_s=40, what="an alert")
        event = json.loads(run.out)
        ended = run.interrupt()

        assert (ended, run.err.strip().splitlines()[1:]) == (130, [])
    assert event == own_command.rows("alerts")[0]


def test_a_follower_waits_for_a_server_that_restarts(own_service):
    command = Command(own_service.home, own_service.environment)
    own_service.client.xadd(own_service.keys.alerts, {"event": json.dumps({"id": 1})})
    with command.running("alerts", "--follow", "--json") as run:
        wait_until(lambda: run.out, timeout_s=40, what="the first alert")
        own_service.server.kill()
        wait_until(lambda: "waiting for it" in run.err, timeout_s=40, what="a note on the outage")
        own_service.server.start()
        own_service.client.xadd(own_service.keys.alerts, {"event": json.dumps({"id": 2})})
        wait_until(lambda: run.out.count("\n") == 2, timeout_s=40, what="the second alert")

    assert run.process.returncode == -9


@pytest.mark.parametrize(
    ("line", "status", "rows"),
    [
        ("status", 0, 1),
        ("stats", 0, 1),
        ("alerts", 0, 0),
        ("clusters", 0, 0),
        ("search 81d07fffe0611a85", 0, 1),
        ("clusters show 81d07fffe0611a85", 1, 0),
        ("failures", 0, 0),
        ("archive", 69, 0),
    ],
)
def test_before_the_first_worker_started_there_is_no_archive(own_command, line, status, rows):
    told = own_command.run(*line.split(), "--json", status=status)

    assert len(told.stdout.splitlines()) == rows
    assert "no archive 'test'" in told.stderr
    assert "a worker makes it when it starts" in told.stderr


def test_a_worker_starts_on_an_emptied_server_once_that_is_accepted(service, own_command):
    worker = service.start_worker()
    wait_until(lambda: service.client.exists(service.keys.archive_facts), timeout_s=40, what="an archive")
    [before] = own_command.rows("archive")
    worker.terminate()
    worker.wait(20)
    service.client.flushall()
    refused = service.start_worker()
    status = refused.wait(40)

    own_command.run("archive", "new")
    service.start_worker()
    wait_until(
        lambda: service.client.exists(service.keys.archive_facts), timeout_s=40, what="another archive"
    )
    [after] = own_command.rows("archive")

    assert status == 78
    assert before["uuid"] != after["uuid"]
