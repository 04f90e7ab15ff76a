"""Clusters, in a browser: the gallery and its downloads, one cluster with its slider and its pages."""

import re

import pytest

from tests.web_site import COPIES

expect = pytest.importorskip("playwright.sync_api").expect

CAT = "b15fe6465121175e"


def test_clusters_are_sorted_filtered_and_taken_away(page):
    page.goto("/clusters")
    page.get_by_label("Sort by").select_option("growth")
    page.get_by_label("Images, at least").fill("3")
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
