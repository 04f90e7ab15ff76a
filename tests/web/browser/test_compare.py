"""Compare, in a browser: four views, one zoom, the bits."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


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
