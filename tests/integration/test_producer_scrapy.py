"""A real spider over a local site: its images arrive, hashed where Scrapy has downloaded them."""

import csv
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import DEMO_FOLDER

pytest.importorskip("scrapy", reason="an extra")

SPIDER = """
import asyncio, json, os, sys, time
import scrapy
from scrapy.crawler import CrawlerProcess

class Feed(scrapy.Spider):
    name = "feed"

    async def start(self):
        ticks = asyncio.get_running_loop().create_task(self.tick())
        yield {"image_urls": json.loads(sys.argv[2]), "page_url": "https://example.org/post/7", "likes": 3}
        await asyncio.sleep(0)

    async def tick(self):
        self.longest_pause_s = 0
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest_pause_s = max(self.longest_pause_s, time.monotonic() - begun)

process = CrawlerProcess(settings={
    "ITEM_PIPELINES": {f"producer.scrapy.{sys.argv[1]}": 300},
    "IMAGES_STORE": os.environ["STORE"],
    "LOG_LEVEL": "WARNING",
    "TELNETCONSOLE_ENABLED": False,
    **json.loads(sys.argv[3]),
})
crawler = process.create_crawler(Feed)
process.crawl(crawler)
process.start()
stats = crawler.stats.get_stats()
told = {name: stats.get(f"lookalike/{name}", 0) for name in ("accepted", "invalid")}
print(json.dumps({**told, "longest_pause_s": crawler.spider.longest_pause_s}))
"""


@pytest.fixture
def crawl(server, keys, tmp_path):
    """Run a spider that finds these images, in a process of its own."""

    def crawl_them(pipeline, urls, **settings):
        given = json.dumps(
            {"LOOKALIKE_REDIS_URL": server.url_as("producer"), "LOOKALIKE_ARCHIVE": keys.archive, **settings}
        )
        return subprocess.run(
            [sys.executable, "-c", SPIDER, pipeline, json.dumps(urls), given],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd()), "STORE": str(tmp_path)},
            check=True,
        )

    return crawl_them


def test_an_items_image_urls_are_sent(crawl, client, keys):
    done = crawl("LookalikePipeline", ["https://a.org/1", "ftp://a.org/?SECRET", "https://a.org/2"])

    assert json.loads(done.stdout).items() >= {"accepted": 2, "invalid": 1}.items()
    assert "SECRET" not in done.stderr
    assert [fields for _, fields in client.xrange(keys.stream("live"))] == [
        {b"url": url, b"source": b"feed", b"page_url": b"https://example.org/post/7"}
        for url in (b"https://a.org/1", b"https://a.org/2")
    ]


def test_what_scrapy_has_downloaded_comes_with_its_phash(crawl, client, keys, demo_images):
    with (DEMO_FOLDER / "manifest.csv").open() as file:
        phashes = {row["file"]: int(row["phash"], 16) for row in csv.DictReader(file)}
    urls = {demo_images.url(DEMO_FOLDER / name): phash for name, phash in phashes.items()}

    done = crawl("LookalikeImagesPipeline", list(urls), LOOKALIKE_LANE="backlog", LOOKALIKE_SOURCE="site")

    sent = [fields for _, fields in client.xrange(keys.stream("backlog"))]
    assert json.loads(done.stdout).items() >= {"accepted": len(urls), "invalid": 0}.items()
    given = {fields[b"url"].decode(): int(fields[b"phash"], 16) for fields in sent}
    assert given.keys() == urls.keys()
    # Another version of a decoder may move a hash by two bits.
    assert max((given[url] ^ phash).bit_count() for url, phash in urls.items()) <= 2
    assert {fields[b"source"] for fields in sent} == {b"site"}


def test_an_item_fails_where_its_images_are_not_accepted(crawl):
    away = {"LOOKALIKE_REDIS_URL": "redis://h:SECRET@127.0.0.1:1/0", "LOOKALIKE_PATIENCE": 0.1}

    done = crawl("LookalikePipeline", ["https://a.org/1"], **away)

    assert json.loads(done.stdout).items() >= {"accepted": 0, "invalid": 0}.items()
    assert (
        "ServerUnavailableError: the server redis://127.0.0.1:1/0 cannot be reached; not accepted: 1"
        in done.stderr
    )


@pytest.mark.parametrize(("trusts", "downloads"), [("1", 1), ("", 2)])
def test_workers_that_trust_a_phash_download_nothing_again(trusts, downloads, crawl, service, httpserver):
    for name in ("astronaut.jpg", "chelsea.jpg"):
        body = (DEMO_FOLDER / name).read_bytes()
        httpserver.expect_request(f"/é{name}").respond_with_data(body, content_type="image/jpeg")
    urls = [httpserver.url_for(f"/é{name}") for name in ("astronaut.jpg", "chelsea.jpg")]
    crawl("LookalikeImagesPipeline", urls)

    service.start_worker(concurrency=1, LOOKALIKE_TRUST_PHASH=trusts)

    assert service.wait_done(images=2).items() >= {"images": 2, "failures": 0}.items()
    assert len(httpserver.log) == downloads * len(urls)


def test_a_server_that_answers_late_does_not_hold_up_the_spider(crawl):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answers = threading.Thread(target=_hang_up_after_a_second, args=(silent,))
        answers.start()
        away = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        done = crawl(
            "LookalikePipeline", ["https://a.org/1"], LOOKALIKE_REDIS_URL=away, LOOKALIKE_PATIENCE=0.01
        )
        answers.join()

    assert "ServerUnavailableError" in done.stderr
    assert json.loads(done.stdout)["longest_pause_s"] < 0.7


def _hang_up_after_a_second(listener):
    client, _ = listener.accept()
    with client:
        client.settimeout(1)
        with suppress(TimeoutError):
            while client.recv(1 << 16):  # what it asks is never answered
                pass
