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


def test_a_cluster_tells_when_it_was_seen_and_how_near_its_look_alikes_are(page):
    page.goto(f"/clusters/{CAT}?distance=10")

    expect(page.get_by_role("img", name="Images over time").locator("rect")).not_to_have_count(0)
    expect(page.get_by_role("img", name="Clusters by distance").locator("rect")).to_have_count(2)
    expect(page.locator(".histogram figcaption")).to_have_text(
        re.compile(r"Clusters by distance in bits:\s+1 at 2, 1 at (9|10|8)\.")
    )
    expect(page.locator(".cluster-head")).to_contain_text(re.compile(r"Seen \d+ times"))
    page.locator("#found .compare").first.click()
    expect(page).to_have_url(re.compile("/compare"))
    expect(page.locator(".verdict")).to_contain_text("2 of 64 bits differ")


@pytest.mark.parametrize(
    ("link", "suffix"), [("CSV", ".csv"), ("JSON lines", ".jsonl"), ("Parquet", ".parquet")]
)
def test_each_table_is_downloaded_with_the_filter_of_the_page(page, link, suffix):
    page.goto("/clusters?min_size=40")
    with page.expect_download() as download:
        page.get_by_role("link", name=link).click()

    assert download.value.suggested_filename == f"clusters{suffix}"
    assert CAT in download.value.path().read_bytes().decode("latin-1")
    assert "min_size=40" in download.value.url
