"""What every page must be: accessible, narrow enough, of use without a script, at hand by keys."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

CAT = "b15fe6465121175e"
PAGES = [
    "/",
    "/clusters",
    f"/clusters/{CAT}?distance=16",
    "/search",
    f"/search?q={CAT}&max_distance=16",
    "/search?q=nonsense",
    "/compare",
    "/compare?a=copy%2F1&b=copy%2F2",
    "/system",
    "/v1/docs",
    "/v1/docs?q=parquet",
    "/clusters/0000000000000001",
]
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
SIZES = [{"width": 1360, "height": 900}, {"width": 390, "height": 844}]


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core."""
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("axe-playwright-python is not installed")
    return (Path(found.origin).parent / "axe.min.js").read_text()


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_violation(page, axe, path):
    page.goto(path)
    page.evaluate(axe)
    wide, narrow = SIZES
    # What is where does not depend on colours.
    for scheme, size, rules in (
        ("light", wide, {}),
        ("light", narrow, {}),
        ("dark", wide, COLOURS),
        ("dark", narrow, COLOURS),
    ):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate("rules => axe.run(document, {resultTypes: ['violations'], ...rules})", rules)

        told = [
            f"{violation['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
            for violation in found["violations"]
            for node in violation["nodes"][:1]
        ]
        assert (scheme, size["width"], told) == (scheme, size["width"], [])
        assert found["passes"]


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_a_narrow_screen(page, path):
    page.set_viewport_size({"width": 360, "height": 800})

    page.goto(path)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("path", PAGES[:11])
def test_every_page_works_without_a_script(browser, web, path):
    context = browser.new_context(base_url=web.url, java_script_enabled=False)
    page = context.new_page()

    page.goto(path)

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_visible()
    context.close()


def test_keys_lead_to_every_page_and_through_the_items(page):
    page.goto("/")
    for key, title in (("c", "Clusters"), ("s", "Search"), ("m", "Compare"), ("y", "System"), ("l", "Live")):
        expect(page.locator("html[data-keys]")).to_be_attached()
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.goto("/clusters")
    opens = page.locator(".item .open")
    expect(page.locator("html[data-keys]")).to_be_attached()
    page.keyboard.press("j")
    expect(opens.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(opens.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(opens.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/clusters/{CAT}"))
    expect(page.locator("html[data-keys]")).to_be_attached()
    page.keyboard.press("/")
    expect(page).to_have_url(re.compile("/search"))
    expect(page.locator("html[data-keys]")).to_be_attached()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("g c ? b")
    expect(page.locator("#q")).to_have_value("g c ? b")


def test_the_list_of_keys_opens_and_closes(page):
    page.goto("/clusters")
    expect(page.locator("html[data-keys]")).to_be_attached()
    page.keyboard.press("Shift+?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_first_key_leads_past_the_navigation(page):
    page.goto("/clusters")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_blurring_holds_on_every_page_until_it_is_switched_off(page):
    page.goto("/clusters")
    expect(page.locator("html[data-keys]")).to_be_attached()
    page.keyboard.press("b")
    expect(page.locator("html")).to_have_class("blur")
    expect(page).to_have_url(re.compile("/clusters$"))
    page.goto("/")
    assert "blur" in page.locator(".picture").first.evaluate("image => getComputedStyle(image).filter")
    page.get_by_role("button", name="Blur pictures").click()
    expect(page.locator("html")).not_to_have_class("blur")
