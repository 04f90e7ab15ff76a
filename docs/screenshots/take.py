"""Takes the screenshots of the page: every page, wide and narrow, light and dark, over a real service.

`python docs/screenshots/take.py` starts a server, a worker and the page, sends the demo images, and writes WebP
files beside itself. With the URL of a running page and a folder it only takes them.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from tests.web_site import DEMO_FOLDER, Site  # noqa: E402 - from the root of the tree

SIZES = {"wide": {"width": 1360, "height": 900}, "narrow": {"width": 390, "height": 844}}
SCHEMES = ("light", "dark")
CAT = "b15fe6465121175e"
SOURCES = ("tipline", "sharechat", "telegram", "forum")
LAST = (
    "astronaut__exact",
    "grace_hopper__watermark",
    "land_city2__logo",
    "poster_water__edited",
    "rocket__saturate",
)
"""What comes last, and so stands at the top of the live page."""

PAGES = {
    "live": "/",
    "clusters": "/clusters",
    "cluster": f"/clusters/{CAT}",
    "search": f"/search?q={CAT}&max_distance=10",
    "compare": "/compare?a=rocket.jpg&b=rocket__saturate.jpg",
    "system": "/system",
    "reference": "/v1/docs",
}
WHOLE = ("cluster", "compare", "system")
"""Pages that are shown to their end."""


def wait(condition: Any, *, timeout_s: float = 60.0, what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


@contextmanager
def running_page() -> Iterator[str]:  # noqa: C901 - one scene after the other
    """Serve the demo images, sent in as four sources with some copies, and three failures; give the page's URL."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalike-shots-")))
        site = Site(home, stack, archive="demo")
        site.start_worker()
        site.web = site.start_web(wait)
        paths = sorted(path for path in DEMO_FOLDER.iterdir() if path.suffix != ".csv")
        sent = 0

        def send(url: str, name: str) -> None:
            nonlocal sent
            page = f"https://{SOURCES[sent % 4]}.example/post/{1000 + sent}"
            site.producer.send(url, id=name, source=SOURCES[sent % 4], page_url=page)
            sent += 1

        def settle() -> None:
            wait(lambda: site.ended() == sent, what="all images")
            time.sleep(2)

        for path in sorted(paths, key=lambda path: ("__" in path.stem, path.name)):
            if not path.stem.startswith(("chelsea", "poster_water", *LAST)):
                send(site.images.url(path), path.name)
        settle()
        for name in ("missing.jpg", "missing-2.jpg", "manifest.csv"):
            send(site.images.base_url + name, name)
        for path in paths:
            if path.stem.startswith(("chelsea", "poster_water")) and not path.stem.startswith(LAST):
                send(site.images.url(path), path.name)
                settle()
        for number in range(12):
            send(f"{site.images.url(DEMO_FOLDER / 'chelsea.jpg')}?share={number}", f"share/{number}")
            time.sleep(0.3)
        for path in paths:
            if path.stem.startswith(LAST):
                send(site.images.url(path), path.name)
                settle()
        yield site.web.url


def take(url: str, folder: Path, *, only: str = "") -> None:
    """Write a WebP file for each page, size and scheme."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for size, viewport in SIZES.items():
            for scheme in SCHEMES:
                context = browser.new_context(
                    base_url=url, color_scheme=scheme, viewport=viewport, locale="en-GB", timezone_id="UTC"
                )
                page = context.new_page()
                for name, path in PAGES.items():
                    if only in name:
                        page.goto(path)
                        page.wait_for_load_state("load")
                        page.evaluate(
                            "Promise.all([...document.images].map((image) => {"
                            " image.loading = 'eager'; return image.decode().catch(() => 0); }))"
                        )
                        page.wait_for_timeout(600)
                        shot = Image.open(BytesIO(page.screenshot(full_page=name in WHOLE)))
                        shot.save(folder / f"{name}-{size}-{scheme}.webp", quality=86, method=6)
                context.close()
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--keep":
        with running_page() as url:
            print(url, flush=True)  # noqa: T201 - what the caller waits for
            sys.stdin.read()
    elif len(sys.argv) > 1:
        take(sys.argv[1], Path(sys.argv[2]), only="".join(sys.argv[3:4]))
    else:
        with running_page() as url:
            take(url, Path(__file__).parent)
