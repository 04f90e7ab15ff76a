"""One service with its page for many tests: it has seen the demo images, copies, hostile entries and failures."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.web_site import COPIES, DEMO_FOLDER, Site, Web


@pytest.fixture(scope="session")
def site(wait: Any) -> Iterator[Site]:
    """The demo images, 60 copies of one of them, three hostile entries and three failures."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalike-web-")))
        site = Site(home, stack)
        site.start_worker()
        paths = sorted(path for path in DEMO_FOLDER.iterdir() if path.suffix != ".csv")
        cat = site.images.url(DEMO_FOLDER / "chelsea.jpg")
        site.producer.send_many({"url": site.images.url(path), "source": "demo"} for path in paths)
        wait(lambda: site.ended() == len(paths), what="the demo images")
        site.producer.send_many(
            {"url": f"{cat}?copy={number}", "id": f"copy/{number}", "source": "tipline"}
            for number in range(COPIES)
        )
        site.producer.send(
            f"{cat}?<script>alert(1)</script>",
            id="<img src=x onerror=alert(1)>",
            source="<script>alert(2)</script>",
            page_url='https://example.org/"onmouseover=alert(3)',
            meta={"x": "</code><script>alert(4)</script>"},
        )
        for name in ("missing.jpg", "missing-2.jpg", "manifest.csv"):
            site.producer.send(site.images.base_url + name + "?token=secret")
        wait(lambda: site.ended() == len(paths) + COPIES + 4, what="all images")
        site.web = site.start_web(wait)
        yield site
        assert site.server.refusals() == []


@pytest.fixture(scope="session")
def wait() -> Any:
    """Wait until a condition holds, or fail with what never came."""

    def wait_until(condition: Callable[[], object], *, timeout_s: float = 60.0, what: str) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, f"never came: {what}"
            time.sleep(0.02)

    return wait_until


@pytest.fixture
def web(site: Site) -> Web:
    """The page of the service that all tests share; none of them changes what it holds."""
    return site.web
