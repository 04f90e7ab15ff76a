"""System, in a browser: the chart, the numbers, failures and another try."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


def test_the_system_page_draws_its_chart_and_retries_failures(page):
    page.goto("/system")
    expect(page.locator("#charts canvas")).to_have_count(2)
    page.get_by_role("button", name="Try again: not_an_image").click()
    expect(page.locator(".note")).to_have_text("1 image waits for another try.")
    expect(page.locator("#numbers")).to_contain_text("Workers")
