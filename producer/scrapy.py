"""Doors for Scrapy 2.19 and later: one pipeline sends URLs, the other hands over hashes of what was downloaded.

    ITEM_PIPELINES = {"producer.scrapy.LookalikePipeline": 300}

The server is the setting LOOKALIKE_REDIS_URL of the project or of the environment; see `Feed`.
"""

import logging
import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import scrapy.http
from itemadapter import ItemAdapter
from scrapy.crawler import Crawler
from scrapy.pipelines.images import ImagesPipeline
from scrapy.pipelines.media import MediaPipeline
from scrapy.utils.asyncio import run_in_thread

from producer.errors import InvalidMessageError
from producer.messages import ImageMessage, build_message
from producer.names import OPEN_LANES
from producer.queue import PATIENCE_S, Producer
from producer.server import ARCHIVE, BROKER_URL, REDIS_URL, find_server

logger = logging.getLogger(__name__)

_ITEM_FIELDS = ("source", "scraped_at", "page_url", "meta")
"""Fields of an item that go with each of its images, where it has them."""


class Feed:
    """Sends the images of items, as settings of the project say; all of them may be left out.

    LOOKALIKE_REDIS_URL, LOOKALIKE_ARCHIVE and LOOKALIKE_BROKER_URL override those of the environment;
    LOOKALIKE_LANE (live), LOOKALIKE_SOURCE (the spider's name), LOOKALIKE_PATIENCE (30 seconds for a server that
    is away) and IMAGES_URLS_FIELD (image_urls).
    """

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        given = {name: settings[name] for name in (REDIS_URL, ARCHIVE, BROKER_URL) if settings.get(name)}
        server = find_server({**os.environ, **given}, Path.cwd())
        lane = settings.get("LOOKALIKE_LANE", "live")
        if lane not in OPEN_LANES:
            raise ValueError(f"LOOKALIKE_LANE: {lane!r} is not one of {', '.join(OPEN_LANES)}")
        self._lane = lane
        self._source = settings.get("LOOKALIKE_SOURCE")
        self._field = settings.get("IMAGES_URLS_FIELD", "image_urls")
        self._crawler = crawler
        self._producer = Producer(
            server.redis_url,
            server.archive,
            broker_url=server.broker_url,
            patience_s=settings.getfloat("LOOKALIKE_PATIENCE", PATIENCE_S),
        )

    def messages(self, item: Any, phashes: dict[str, str]) -> list[ImageMessage]:  # noqa: ANN401 - any kind of item
        """Make the messages of an item's images; those that break the contract are logged and counted."""
        adapter = ItemAdapter(item)
        spider = self._crawler.spider
        fields = {name: adapter.get(name) for name in _ITEM_FIELDS}
        fields["source"] = fields["source"] or self._source or (spider.name if spider else None)
        messages = []
        for url in adapter.get(self._field) or ():
            try:
                messages.append(build_message(url=url, phash=phashes.pop(_requested(url), None), **fields))
            except InvalidMessageError as error:
                logger.warning("image not sent: %s", error)
                self._count("invalid", 1)
        return messages

    async def send(self, messages: Sequence[ImageMessage]) -> None:
        """Send messages from a thread, so that the reactor runs on; raises what `Producer.append` raises."""
        if messages:
            await run_in_thread(self._send, messages)
            self._count("accepted", len(messages))

    def close(self) -> None:
        """Close the connections."""
        self._producer.close()

    def _send(self, messages: Sequence[ImageMessage]) -> None:
        self._producer.append(messages, lane=self._lane)

    def _count(self, outcome: str, count: int) -> None:
        if self._crawler.stats is not None:
            self._crawler.stats.inc_value(f"lookalike/{outcome}", count)


class LookalikePipeline:
    """Sends the `image_urls` of each item; workers download them."""

    def __init__(self, crawler: Crawler) -> None:
        self._feed = Feed(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the pipeline, as Scrapy asks for it."""
        return cls(crawler)

    async def process_item(self, item: Any) -> Any:  # noqa: ANN401 - any kind of item
        """Send an item's images and pass the item on; it fails where they are not accepted."""
        await self._feed.send(self._feed.messages(item, {}))
        return item

    def close_spider(self) -> None:
        """Close the connections."""
        self._feed.close()


class LookalikeImagesPipeline(ImagesPipeline):
    """Scrapy's ImagesPipeline, which also sends each image's URL with the pHash of the bytes that it downloaded.

    Workers that run with LOOKALIKE_TRUST_PHASH then download nothing again. Needs the package ImageHash.
    """

    def __init__(self, *args: Any, crawler: Crawler, **options: Any) -> None:  # noqa: ANN401 - Scrapy's
        super().__init__(*args, crawler=crawler, **options)
        self._feed = Feed(crawler)
        self._phashes: dict[str, str] = {}

    async def image_downloaded(
        self,
        response: scrapy.http.Response,
        request: scrapy.http.Request,
        info: MediaPipeline.SpiderInfo,
        *,
        item: Any = None,  # noqa: ANN401 - any kind of item
    ) -> str:
        """Store an image as Scrapy does and keep the pHash of its bytes."""
        checksum = await super().image_downloaded(response, request, info, item=item)
        self._phashes[request.url] = await run_in_thread(compute_phash, response.body)
        return checksum

    async def process_item(self, item: Any, spider: Any = None) -> Any:  # noqa: ANN401 - any kind of item
        """Download an item's images, send them and pass the item on."""
        item = await super().process_item(item, spider)
        await self._feed.send(self._feed.messages(item, self._phashes))
        return item

    def close_spider(self) -> None:
        """Close the connections."""
        self._feed.close()


def _requested(url: Any) -> str:  # noqa: ANN401 - the message checks it
    """Give a URL as Scrapy asks for it, which escapes what needs it."""
    try:
        return scrapy.http.Request(url).url
    except (TypeError, ValueError):
        return ""


def compute_phash(body: bytes) -> str:
    """Give the pHash of an image's bytes as workers compute it: 16 hex digits."""
    import imagehash  # noqa: PLC0415 - for those alone who hash in the scraper
    from PIL import Image  # noqa: PLC0415 - the same

    with Image.open(BytesIO(body)) as image:
        return str(imagehash.phash(image.convert("RGBA")))
