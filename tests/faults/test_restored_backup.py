"""Yesterday's copy of the server's data is put back under a running service: it notices, and is exact afterwards."""

import shutil
from contextlib import ExitStack

import pytest
from fault_checker import check

from producer import Producer
from producer.names import LANES
from tests.command import Command
from tests.soft_images import draw, encode
from tests.waiting import wait_until
from tests.web_site import Web


@pytest.fixture
def page(own_service):
    with ExitStack() as stack:
        rights = {"LOOKALIKE_REDIS_URL": own_service.server.url_as("page")}
        web = Web({**own_service.environment, **rights}, own_service.home / "web.log")
        stack.callback(web.stop)
        wait_until(web.find_url, timeout_s=40, what="the page")
        yield web


def _found(page, phash: int) -> dict[int, int]:
    """Ask the page for all look-alikes of a hash: hash -> images."""
    told = page.get(f"/v1/search?hash={phash:016x}&limit=100").json()
    clusters = told["matches"] + ([told["exact"]] if told["exact"] else [])
    return {int(cluster["phash"], 16): cluster["images"] for cluster in clusters}


def _expected(hashes, phash: int) -> dict[int, int]:
    near = [other for other in hashes if (other ^ phash).bit_count() <= 10]
    return {other: near.count(other) for other in near}


def test_a_restored_backup_is_noticed_by_running_workers_and_page_and_everything_is_exact_after_it(
    own_service, images, page
):
    service, server = own_service, own_service.server
    urls = [
        images.add(
            f"{at:03d}.png", encode(draw(at // 2).point(lambda value, at=at: value * (20 - at % 5) // 20))
        )
        for at in range(120)
    ]
    names = sorted(images.hashes)
    data = server.folder / "appendonlydir"
    worker = service.start_worker(LOOKALIKE_LEASE="3")
    with Producer(server.url_as("producer"), service.keys.archive) as producer:
        producer.send_many(urls[:60:2])
        service.wait_done(images=30)
        shutil.copytree(data, service.home / "yesterday")
        producer.send_many(urls[60:])
        service.wait_done(images=90)
        assert _found(page, images.hashes[names[-1]])
        # With work in hand, which the copy does not have.
        producer.send_many(urls[1:60:2])
        wait_until(
            lambda: int(service.client.hget(service.keys.counters, "images")) > 95, what="work in hand"
        )

        server.kill()
        shutil.rmtree(data)
        shutil.copytree(service.home / "yesterday", data)
        server.start()
        wait_until(lambda: page.get("/readyz").status == 200, what="the page is ready again")
        restored = page.get("/v1/stats").json()["images"]
        found = _found(page, images.hashes[names[-1]])
        # The same numbers go to other images than before.
        producer.send_many(reversed(urls[1:]))
        service.wait_done(images=len(urls), timeout_s=60)
    accepted = list(images.hashes)
    verdict = check(service.client, prefix=service.keys.prefix, manifest=images.hashes, accepted=accepted)
    rights = {"LOOKALIKE_REDIS_URL": server.url_as("page")}
    checked = Command(service.home, {**service.environment, **rights}).rows("check")

    assert (restored, found) == (30, {})
    assert verdict.is_clean, verdict
    assert verdict.recorded == len(urls)
    assert {row["count"] for row in checked} == {0}
    for name in names[::10]:
        assert _found(page, images.hashes[name]) == _expected(images.hashes.values(), images.hashes[name])
    assert not any(service.client.xlen(service.keys.stream(lane)) for lane in LANES)
    assert worker.poll() is None
