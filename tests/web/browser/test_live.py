"""Live, in a browser: what comes, the button, pause, an outage, filters."""

import re

import pytest

from tests.web_site import DEMO_FOLDER

expect = pytest.importorskip("playwright.sync_api").expect


def _send(site, *, number, source="browser"):
    """Send one more copy, whose alert must come."""
    url = f"{site.images.url(DEMO_FOLDER / 'chelsea.jpg')}?browser={source}{number}"
    site.producer.send(url, id=f"{source}/{number}", source=source)


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
