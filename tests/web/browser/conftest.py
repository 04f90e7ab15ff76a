"""A real browser over a real service. The browser is the system's; axe-playwright-python brings axe-core."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, started for each file: its event loop must not run beside those of other tests."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: install Debian's `chromium`, or name one in CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def scheme() -> str:
    """The colours that the reader prefers."""
    return "light"


@pytest.fixture
def page(browser: Any, web: Any, scheme: str) -> Iterator[Any]:
    """A page of a browser that fails the test where a script fails or anything is asked of another host."""
    context = browser.new_context(
        base_url=web.url,
        color_scheme=scheme,
        locale="en-GB",
        timezone_id="UTC",
        viewport={"width": 1360, "height": 900},
    )
    page = context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on(
        "console",
        lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None,
    )
    page.on(
        "request", lambda asked: None if asked.url.startswith((web.url, "data:")) else wrong.append(asked.url)
    )
    yield page
    context.close()
    assert wrong == []
