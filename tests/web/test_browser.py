"""The page in a real browser: every page, each element used, by mouse and by keyboard; no violation that axe finds."""

import os
import re
import shutil
from importlib.resources import files

import pytest

from tests.web_site import COPIES, DEMO_FOLDER

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

CAT = "b15fe6465121175e"
# axe-playwright-python brings axe-core; the browser is the system's.
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
AXE = files("axe_playwright_python") / "axe.min.js"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=["light"])
def scheme(request):
    return request.param


@pytest.fixture
def page(browser, web, scheme):
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


def _send(site, *, number, source="browser"):
    """Send one more copy, whose alert must come."""
    url = f"{site.images.url(DEMO_FOLDER / 'chelsea.jpg')}?browser={source}{number}"
    site.producer.send(url, id=f"{source}/{number}", source=source)


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
    "/clusters/0000000000000001",
]


@pytest.mark.parametrize("scheme", ["light", "dark"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_violation(page, path):
    for size in ({"width": 1360, "height": 900}, {"width": 390, "height": 844}):
        page.set_viewport_size(size)
        page.goto(path)
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")

        told = [
            f"{violation['id']}: {violation['nodes'][0]['html'][:200]} {violation['nodes'][0]['failureSummary'][:200]}"
            for violation in found["violations"]
        ]
        assert told == []
        assert len(found["passes"]) > 10


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_a_narrow_screen(page, path):
    page.set_viewport_size({"width": 360, "height": 800})

    page.goto(path)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_new_alerts_wait_behind_a_button_and_come_in_front(page, site):
    page.goto("/")
    expect(page.locator("#state")).to_have_text("Connected")
    shown = page.locator("#alerts > li")
    before = shown.count()

    _send(site, number=1)
    _send(site, number=2)

    expect(page.locator("#show-new")).to_contain_text("2 new")
    expect(shown).to_have_count(before)
    page.keyboard.press("n")
    expect(shown).to_have_count(before + 2)
    expect(shown.first).to_contain_text("browser")
    expect(page.locator("#show-new")).to_be_hidden()
    expect(shown.first.locator(".open")).to_be_focused()


def test_a_paused_page_collects_and_shows_later(page, site):
    page.goto("/")
    expect(page.locator("#state")).to_have_text("Connected")

    page.keyboard.press("p")
    _send(site, number=3)

    expect(page.locator("#state")).to_have_text("Paused; 1 waiting")
    expect(page.locator("#show-new")).to_be_hidden()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#show-new")).to_contain_text("1 new")


def test_alerts_of_an_outage_come_after_a_reconnect(page, site, wait):
    page.goto("/")
    expect(page.locator("#state")).to_have_text("Connected")
    page.context.set_offline(True)
    page.evaluate("document.querySelector('#arrived')._htmx?.sse?.reader?.cancel()")
    expect(page.locator("#state")).to_contain_text("Connection lost")
    alerts = site.client.xlen(site.keys.alerts)

    _send(site, number=4)
    wait(lambda: site.client.xlen(site.keys.alerts) > alerts, what="the alert")
    page.context.set_offline(False)

    expect(page.locator("#show-new")).to_contain_text("1 new", timeout=20_000)


def test_filters_of_alerts_stand_in_the_url(page):
    page.goto("/")
    page.get_by_label("Show").select_option("near")
    page.get_by_label("Distance up to").select_option("4")
    page.get_by_role("button", name="Apply").click()

    expect(page).to_have_url(re.compile(r"/\?kind=near&max_distance=4&source="))
    expect(page.locator("#alerts .verdict").first).to_contain_text(re.compile("same hash|bits differ"))


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


def test_clusters_are_sorted_filtered_and_taken_away(page):
    page.goto("/clusters")
    page.get_by_label("Sort by").select_option("growth")
    page.get_by_label("At least").fill("3")
    page.get_by_label("Last seen from").fill("2020-01-01")
    page.get_by_label("Source").fill("tipline")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card")).to_contain_text("in the window")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.path().read_text().splitlines()[1].startswith(CAT)


def test_a_cluster_shows_more_look_alikes_with_a_wider_distance(page):
    page.goto(f"/clusters/{CAT}?distance=0")
    expect(page.locator("#found")).to_contain_text("0 clusters within 0 bits")
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")

    expect(page.locator("#found")).to_contain_text("2 clusters within 10 bits")
    expect(page.locator("#found .card")).to_have_count(2)
    expect(page).to_have_url(re.compile("distance=10"))


def test_images_of_a_cluster_follow_page_by_page(page):
    page.goto(f"/clusters/{CAT}")
    expect(page.locator(".images > li")).to_have_count(50)
    page.get_by_role("link", name="Earlier images").click()
    page.wait_for_url(re.compile("cursor="))
    assert COPIES + 3 - 50 <= page.locator(".images > li").count() < 50


def test_a_search_takes_a_hash_a_url_and_a_chosen_file(page, site):
    page.goto("/search")
    page.locator("#q").fill(CAT)
    page.keyboard.press("Enter")
    expect(page.locator("#answer-title")).to_contain_text("Seen")
    page.locator("#q").fill(site.images.url(DEMO_FOLDER / "rocket.jpg"))
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#answer-title")).to_contain_text("Seen 1 time")
    page.get_by_label("or a file").set_input_files(DEMO_FOLDER / "rocket__saturate.jpg")
    page.get_by_role("button", name="Search for the file").click()
    expect(page.get_by_alt_text("What you searched for")).to_be_visible()
    expect(page.locator(".card").first).to_contain_text("same hash")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_search_takes_a_dropped_or_pasted_picture(page, kind):
    page.goto("/search")
    expect(page.locator("#drop-hint")).to_be_visible()
    body = list((DEMO_FOLDER / "rocket.jpg").read_bytes())

    page.evaluate(
        """([kind, body]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(body)], "a.jpg", {type: "image/jpeg"}));
            const options = {bubbles: true, cancelable: true};
            document.body.dispatchEvent(kind === "drop"
                ? new DragEvent("drop", {...options, dataTransfer: transfer})
                : new ClipboardEvent("paste", {...options, clipboardData: transfer}));
        }""",
        [kind, body],
    )

    expect(page.locator("#answer-title")).to_contain_text("Seen 1 time")


def test_two_images_are_compared_in_four_ways_with_one_zoom(page):
    page.goto("/")
    expect(page.locator("html[data-keys]")).to_be_attached()
    page.keyboard.press("j")
    page.keyboard.press("c")
    page.wait_for_url(re.compile("/compare"))
    box = page.locator("#comparison")
    page.get_by_label("Flip").check()
    expect(box).to_have_class("comparison over flip")
    page.keyboard.press("f")
    expect(box).to_have_class("comparison over flip flipped")
    page.get_by_label("Slider").check()
    page.get_by_label("Second picture shown").fill("20")
    assert "80%" in box.locator("figure:last-child .stage").evaluate("stage => stage.style.clipPath")
    page.get_by_label("Difference").check()
    expect(box).to_have_class("comparison over difference")
    page.get_by_label("Side by side").check()
    page.get_by_role("button", name="Zoom in").click()
    transforms = box.locator(".picture").evaluate_all("images => images.map(image => image.style.transform)")
    assert transforms[0] == transforms[1] != ""
    page.get_by_role("button", name="Whole picture").click()
    expect(page.get_by_text("Why they match")).to_be_visible()
    assert page.locator(".grids svg").count() == 3


def test_the_system_page_draws_its_chart_and_retries_failures(page):
    page.goto("/system")
    expect(page.locator("#chart canvas")).to_be_visible()
    page.get_by_role("button", name="Try again: not_an_image").click()
    expect(page.locator(".note")).to_have_text("1 image waits for another try.")
    expect(page.locator("#numbers")).to_contain_text("Workers")


@pytest.mark.parametrize("path", PAGES[:9])
def test_every_page_works_without_a_script(browser, web, path):
    context = browser.new_context(base_url=web.url, java_script_enabled=False)
    page = context.new_page()

    page.goto(path)

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_visible()
    context.close()
