"""Compare, in a browser: four views, one zoom, the bits."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

BOTH_ALIKE = """scale => {
    const [a, b] = [...document.querySelectorAll("#comparison .picture")].map((image) => image.style.transform);
    return a === b && a.startsWith(`scale(${scale})`);
}"""


@pytest.fixture
def compared(page, site):
    """Two images beside each other."""
    page.goto("/compare?a=copy%2F1&b=copy%2F2")
    expect(page.locator("html[data-keys]")).to_be_attached()
    expect(page.locator("#modes")).to_be_visible()
    return page


def test_a_key_leads_from_an_alert_to_its_two_pictures(page):
    page.goto("/")
    expect(page.locator("html[data-keys]")).to_be_attached()
    page.keyboard.press("j")
    page.keyboard.press("c")

    page.wait_for_url(re.compile("/compare"))
    expect(page.get_by_text("Why they match")).to_be_visible()
    expect(page.locator(".grids svg")).to_have_count(3)


def test_there_are_four_views_and_the_url_says_which(compared):
    box = compared.locator("#comparison")

    compared.get_by_label("Flip").check()
    expect(box).to_have_class("comparison over flip")
    expect(compared.locator("#shown")).to_have_text("Shown: second")
    compared.keyboard.press("f")
    expect(box).to_have_class("comparison over flip flipped")
    expect(compared.locator("#shown")).to_have_text("Shown: first")
    expect(compared).to_have_url(re.compile("view=flip"))
    compared.get_by_label("Slider").check()
    expect(compared.locator("#shown")).to_be_hidden()
    expect(compared.locator("#slide")).to_have_text(re.compile(r"First\s+Second"))
    compared.get_by_label("Second picture shown").fill("20")
    assert "80%" in box.locator("figure:last-child .stage").evaluate("stage => stage.style.clipPath")
    compared.get_by_label("Difference").check()
    expect(box).to_have_class("comparison over difference")
    compared.reload()
    expect(box).to_have_class("comparison over difference")
    compared.get_by_label("Side by side").check()
    expect(compared).not_to_have_url(re.compile("view="))


def test_two_pictures_stand_below_each_other_on_a_narrow_screen(compared):
    compared.set_viewport_size({"width": 390, "height": 844})
    first, second = (compared.locator("#comparison figure").nth(at).bounding_box() for at in range(2))

    assert second["y"] >= first["y"] + first["height"]
    assert first["width"] > 300


def test_one_zoom_moves_both_pictures_by_mouse_and_by_keys(compared):
    level = compared.locator("#zoom-level")
    box = compared.locator("#comparison")

    compared.get_by_role("button", name="Zoom in").click()
    expect(level).to_have_text("2x")
    compared.wait_for_function(BOTH_ALIKE, arg=2)
    for _ in range(3):
        compared.keyboard.press("+")
    expect(level).to_have_text("8x")
    compared.wait_for_function(BOTH_ALIKE, arg=8)
    assert box.locator(".picture").first.evaluate("i => getComputedStyle(i).imageRendering") == "pixelated"
    before = box.locator(".picture").first.get_attribute("style")
    box.focus()
    compared.keyboard.press("ArrowRight")
    expect(box.locator(".picture").first).not_to_have_attribute("style", before)
    compared.wait_for_function(BOTH_ALIKE, arg=8)
    compared.keyboard.press("-")
    expect(level).to_have_text("4x")
    compared.keyboard.press("0")
    expect(level).to_have_text("1x")
    compared.wait_for_function(BOTH_ALIKE, arg=1)
    assert "translate(0px, 0px)" in box.locator(".picture").last.get_attribute("style")


def test_the_wheel_zooms_only_with_a_key(compared):
    stage = compared.locator("#comparison .stage").first
    stage.hover()
    compared.mouse.wheel(0, -300)
    expect(compared.locator("#zoom-level")).to_have_text("1x")

    compared.keyboard.down("Shift")
    compared.mouse.wheel(0, -300)
    compared.keyboard.up("Shift")

    expect(compared.locator("#zoom-level")).not_to_have_text("1x")
