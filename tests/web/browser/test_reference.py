"""The API to read, in a browser: found by words, opened by keys, led to by links."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


def test_words_narrow_the_operations_while_one_types(page):
    page.goto("/v1/docs")
    expect(page.locator("html[data-keys]")).to_be_attached()
    page.keyboard.press("/")
    page.keyboard.type("idempotency")

    expect(page.locator("#operations [role=status]")).to_have_text("1 of 17 operations")
    expect(page.locator("details.operation[open] summary")).to_contain_text("/v1/images")
    expect(page).to_have_url(re.compile("q=idempotency"))


def test_an_operation_opens_by_keys_and_its_objects_by_links(page):
    page.goto("/v1/docs")
    expect(page.locator("html[data-keys]")).to_be_attached()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    opened = page.locator("details.operation[open]")
    expect(opened).to_have_count(1)
    expect(opened).to_contain_text("curl -s")
    opened.get_by_role("link", name="SearchAnswer").click()
    expect(page.locator("#shape-SearchAnswer")).to_have_attribute("open", "")
    expect(page.locator("#shape-SearchAnswer")).to_contain_text("match_count")
