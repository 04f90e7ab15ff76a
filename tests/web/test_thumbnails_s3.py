"""Thumbnails in S3: a real server of its protocol on loopback, written by a worker, served by the page."""

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.web_site import DEMO_FOLDER, Site, Web
from worker.processes import stop_process

pytest.importorskip("s3fs")
pytest.importorskip("moto")

NAMES = ["astronaut.jpg", "chelsea.jpg", "rocket.jpg"]

_SERVER = """
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def store():
    """A server with the bucket `look`, as the environment names it; and the way to end it."""
    boto3 = pytest.importorskip("boto3")

    process = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True)
    host, port = process.stdout.readline().split()
    environment = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="very-secret",
    )
    client.create_bucket(Bucket="look")
    yield environment, client, process
    client.close()
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def stored(store, tmp_path_factory, wait):
    """A service whose worker keeps thumbnails in S3, with three images."""
    with ExitStack() as stack:
        site = Site(tmp_path_factory.mktemp("s3"), stack)
        # What a child remembers is not decoded again, and has no new thumbnail that a store could miss.
        here = {"LOOKALIKE_THUMBNAILS": "s3://look/small/ones", "LOOKALIKE_REMEMBER_HASHES": "0"}
        site.environment |= store[0] | here
        site.worker = site.start_worker()
        site.producer.send_many({"url": site.images.url(DEMO_FOLDER / name), "id": name} for name in NAMES)
        wait(lambda: site.ended() == len(NAMES), what="the images")
        site.web = site.start_web(wait)
        yield site


def test_the_worker_writes_them_and_the_page_serves_them(stored, store, wait):
    _, client, _ = store

    def keys():
        return [row["Key"] for row in client.list_objects_v2(Bucket="look").get("Contents", [])]

    wait(lambda: len(keys()) == len(NAMES), what="the thumbnails")
    assert all(key.startswith("small/ones/") and key.endswith(".webp") for key in keys())
    for name in NAMES:
        answer = stored.web.get(f"/thumbnail?id={name}")
        sha256 = stored.web.get(f"/v1/images/{name}").json()["sha256"]
        kept = client.get_object(Bucket="look", Key=f"small/ones/{sha256[:2]}/{sha256[2:4]}/{sha256}.webp")

        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
        assert answer.body == kept["Body"].read()
        assert answer.body[8:12] == b"WEBP"


def test_a_picture_that_is_not_there_is_drawn(stored, store):
    _, client, _ = store
    sha256 = stored.web.get("/v1/images/rocket.jpg").json()["sha256"]
    client.delete_object(Bucket="look", Key=f"small/ones/{sha256[:2]}/{sha256[2:4]}/{sha256}.webp")

    answer = stored.web.get("/thumbnail?id=rocket.jpg")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml")


def test_a_store_that_never_answers_holds_up_nothing_but_pictures(stored, wait):
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent, ThreadPoolExecutor(100) as many:
        host, port = silent.getsockname()
        web = stored.start_web(wait, AWS_ENDPOINT_URL=f"http://{host}:{port}")
        pictures = [many.submit(web.get, "/thumbnail?id=chelsea.jpg") for _ in range(90)]
        wait(lambda: any(picture.done() for picture in pictures), what="a drawing instead of a picture")

        started = time.monotonic()
        answers = {web.get(path).status for path in ("/v1/stats", "/clusters", "/", "/readyz")}
        took_s = time.monotonic() - started

        assert answers == {200}
        assert not all(picture.done() for picture in pictures), f"{took_s:.1f} s: the store has given up"
        silent.close()
        drawn = {picture.result().headers["Content-Type"] for picture in pictures}
    assert drawn == {"image/svg+xml"}


def test_a_stop_writes_what_waits(stored, store, wait):
    _, client, _ = store
    names = sorted(path.name for path in DEMO_FOLDER.glob("*.jpg"))
    stored.producer.send_many({"url": stored.images.url(DEMO_FOLDER / name), "id": name} for name in names)
    wait(lambda: int(stored.client.hget(stored.keys.counters, "images")) > 2 * len(NAMES), what="some images")

    stop_process(stored.worker)

    kept = {row["Key"] for row in client.list_objects_v2(Bucket="look")["Contents"]}
    told = {name: stored.web.get(f"/v1/images/{name}") for name in names if name != "rocket.jpg"}
    recorded = {name: answer.json()["sha256"] for name, answer in told.items() if answer.status == 200}
    assert len(recorded) > len(NAMES)
    assert [
        name for name, sha in recorded.items() if f"small/ones/{sha[:2]}/{sha[2:4]}/{sha}.webp" not in kept
    ] == []
    stored.worker = stored.start_worker()
    wait(lambda: stored.ended() == len({*NAMES, *names}), what="the others")


def test_no_image_is_lost_where_the_store_is_away(stored, store, wait):
    _, _, process = store
    process.kill()
    process.wait()

    ended = stored.ended()
    stored.producer.send(stored.images.url(DEMO_FOLDER / "coffee.jpg"), id="one more")

    wait(lambda: stored.ended() == ended + 1, what="the image without a thumbnail")
    picture = stored.web.get("/thumbnail?id=astronaut.jpg")
    assert (picture.status, picture.headers["Content-Type"]) == (200, "image/svg+xml")
    assert stored.web.get("/healthz").status == 200
    wait(lambda: "no thumbnail: " in (stored.home / "worker.log").read_text(), what="the complaint")
    logs = (stored.home / "worker.log").read_text() + stored.web.log.read_text()
    assert "very-secret" not in logs


def test_without_the_extra_worker_and_page_say_what_to_install(site, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['s3fs'] = None")
    environment = {
        **site.environment,
        "PYTHONPATH": str(tmp_path),
        "LOOKALIKE_THUMBNAILS": "s3://look/small",
        "LOOKALIKE_STATE_DIR": str(tmp_path),
    }

    page = Web(environment, tmp_path / "web.log")
    worker = subprocess.run(
        [sys.executable, "-P", "-m", "worker.cli", "worker"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    page.process.wait(30)
    assert (page.stop(), worker.returncode) == (78, 78)
    assert "lookalike[s3]" in page.log.read_text()
    assert "lookalike[s3]" in worker.stderr
