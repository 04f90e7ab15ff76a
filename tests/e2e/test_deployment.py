"""What the compose file starts does its work, with the rights that it has and no others."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from redis.exceptions import NoPermissionError

from producer import Producer
from tests.deployment import DEPLOY, ROOT, get_status
from tests.waiting import wait_until
from worker.image_server import ImageServer

DEMO = ROOT / "demo"

CHECK_HEALTH = """
import pathlib, sys
import healthy
sys.exit(not healthy.is_healthy(pathlib.Path(sys.argv[1])))
"""


def test_the_services_do_their_work_with_the_rights_they_have(deployment, tmp_path):
    with ImageServer(DEMO) as images:
        urls = [images.url(path) for path in sorted(DEMO.iterdir()) if path.suffix != ".csv"]
        (tmp_path / "urls.txt").write_text("".join(f"{url}\n" for url in urls))
        worker = deployment.start_service("worker")

        first = deployment.run(
            "producer", "enqueue", str(tmp_path / "urls.txt"), "--checkpoint", str(tmp_path / "done")
        )

        def is_done():
            stats = deployment.run("page", "stats", "--json")
            return not stats.returncode and json.loads(stats.stdout)["images"] == len(urls)

        wait_until(is_done, timeout_s=60, what=f"{len(urls)} images; see {tmp_path / 'log'}")
        again = deployment.run("producer", "enqueue", "--skip-known", "--json", str(tmp_path / "urls.txt"))
    consumer = deployment.client("consumer")
    consumer.xgroup_create("{default}:alerts", "desk", id="0")
    alerts = consumer.xreadgroup("desk", "me", {"{default}:alerts": ">"})
    health = subprocess.run(
        [sys.executable, "-c", CHECK_HEALTH, f"/proc/{worker.pid}"],
        env={**os.environ, "PYTHONPATH": str(DEPLOY)},
        check=False,
    )

    assert first.returncode == 0
    assert json.loads(again.stdout).items() >= {"accepted": 0, "known": len(urls), "bad": 0}.items()
    assert alerts
    assert health.returncode == 0
    assert deployment.client("admin").acl_log() == []


def test_the_page_is_open_to_tokens_alone_and_takes_images(deployment):
    port = deployment.find_port()
    deployment.start_service("page", LOOKALIKE_WEB_PORT=str(port))
    wait_until(lambda: get_status(port, "/healthz") == 200, timeout_s=30, what="the page")
    bearer = {"Authorization": f"Bearer {deployment.token}"}
    body = b'{"url": "https://example.org/a.jpg"}'

    stranger = get_status(port, "/v1/stats")
    known = get_status(port, "/v1/stats", headers=bearer)
    sent = get_status(port, "/v1/images", body=body, headers={**bearer, "Content-Type": "application/json"})

    assert (stranger, sent) == (401, 202)
    assert known in (200, 503)  # 503 until a worker has made the archive
    assert deployment.client("admin").xlen("{default}:images:live") == 1
    assert deployment.client("admin").acl_log() == []


def test_nobody_has_more_rights_than_needed(deployment):
    for user in ("producer", "page"):
        with Producer(deployment.url(user)) as producer:
            producer.send("https://example.org/a.jpg")
    feeder, consumer, page = (deployment.client(user) for user in ("producer", "consumer", "page"))

    for attempt in (
        lambda: feeder.xrange("{default}:images:live"),
        lambda: feeder.smembers("{default}:phash:ba8c84536bd3c366"),
        lambda: feeder.getrange("{default}:hashes:0", 0, 7),
        lambda: feeder.set("{default}:images:live", "x"),
        lambda: feeder.xadd("{default}:images:retry", {"url": "x"}),
        lambda: feeder.xadd("{default}:alerts", {"event": "x"}),
        feeder.flushall,
        lambda: consumer.xadd("{default}:images:live", {"url": "x"}),
        lambda: consumer.xadd("{default}:alerts", {"event": "x"}),
        lambda: consumer.hgetall("{default}:image:0"),
        lambda: consumer.hset("{default}:image:0", "0", "x"),
        lambda: consumer.getrange("{default}:hashes:0", 0, 7),
        lambda: page.xadd("{default}:images:retry", {"url": "x"}),
        lambda: page.xadd("{default}:alerts", {"event": "x"}),
        lambda: page.xadd("{default}:failures", {"url": "x"}),
        lambda: page.xgroup_create("{default}:images:live", "workers"),
        lambda: page.hset("{default}:image:0", "0", "x"),
        lambda: page.hset("{default}:counters", "images", "1"),
        lambda: page.sadd("{default}:phash:ba8c84536bd3c366", "1"),
        lambda: page.append("{default}:hashes:0", "x"),
        lambda: page.delete("{default}:archive"),
        lambda: page.eval("return redis.call('DEL', KEYS[1])", 1, "{default}:archive"),
        lambda: deployment.client("worker").flushall(),
        lambda: deployment.client("worker").config_set("maxmemory", 0),
    ):
        with pytest.raises(
            (NoPermissionError, redis.exceptions.ResponseError), match=r"permission|ACL|can't run"
        ):
            attempt()
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=deployment.port).ping()


def test_a_backup_of_a_running_server_is_the_archive_of_that_moment(deployment, tmp_path):
    if not (shutil.which("valkey-cli") or shutil.which("redis-cli")):
        pytest.skip("needs valkey-cli or redis-cli")
    admin = deployment.client("admin")
    with Producer(deployment.url("producer")) as producer:
        producer.send_many(f"https://example.org/{at}.jpg" for at in range(1000))
        backup = deployment.back_up()
        producer.send("https://example.org/later.jpg")
    (rewriting,) = admin.config_get("auto-aof-rewrite-percentage").values()
    deployment.restore(backup, tmp_path / "restored")

    assert deployment.client("admin").xlen("{default}:images:live") == 1000
    assert rewriting == "100"


@pytest.mark.parametrize("password", ["", "p@ss", "a/b", "100%"])
def test_a_password_that_would_change_the_url_is_refused(deployment, tmp_path, password):
    (tmp_path / "secrets" / "page_password").write_text(password)

    ended = deployment.run("page", "stats")

    assert ended.returncode == 78
    assert "the password of page must be" in ended.stderr
    assert not password or password not in ended.stderr


@pytest.mark.parametrize(
    "line",
    [
        ["hadolint", "Dockerfile"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
    ],
    ids=lambda line: line[0],
)
def test_the_image_and_the_compose_file_are_well_formed(line):
    done = subprocess.run(
        [Path(sys.executable).parent / line[0], *line[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_image_copies_is_there_and_let_through():
    copied = [
        name
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and not line.startswith("COPY --from")
        for name in line.split()[1:-1]
    ]

    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert [name for name in copied if not (ROOT / name).exists() or name not in let_through] == []
