"""System, in a browser: the charts, the numbers, failures and another try."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


def test_the_system_page_draws_its_chart_and_retries_failures(page):
    page.goto("/system")
    expect(page.locator("#charts canvas")).to_have_count(2)
    markers = page.locator("#charts .u-marker").evaluate_all("all => all.map((one) => one.style.borderStyle)")
    # The first of each chart is that of the time, which has no line.
    assert [style for style in markers if style] == ["solid", "dashed", "solid", "dashed", "dotted"]
    expect(page.locator("th").filter(has_text="Number")).to_have_text("Number")
    page.get_by_role("button", name="Try again: not_an_image").click()
    expect(page.locator(".note")).to_have_text("1 image waits for another try.")
    expect(page.locator("#numbers")).to_contain_text("Workers")


def test_the_numbers_agree_with_the_other_pages(page):
    clusters = page.request.get("/v1/clusters?limit=200").json()["clusters"]

    page.goto("/system")

    tiles = dict(
        page.locator(".tiles div").evaluate_all(
            "all => all.map((tile) => [...tile.children].map((one) => one.textContent))"
        )
    )
    assert tiles["Clusters of 2 or more"] == str(len(clusters))
    assert int(tiles["Distinct pictures (hashes)"]) > len(clusters)


def test_the_charts_show_how_long_new_images_took(page, site, wait):
    def series():
        return page.request.get("/system/series").json()

    wait(lambda: series()["time"], what="the first samples")
    site.producer.send(f"{site.images.base_url}land_snow5.jpg?latency", id="latency/1")

    wait(lambda: any(p95_s is not None for p95_s in series()["p95_s"]), what="a time of the live image")
    found = series()
    assert {len(values) for values in found.values()} == {len(found["time"])}
    times = [pair for pair in zip(found["p50_s"], found["p95_s"], strict=True) if None not in pair]
    assert all(0 < p50_s <= p95_s < 60 for p50_s, p95_s in times)
    page.goto("/system")
    expect(page.locator("#charts canvas")).to_have_count(2)
    expect(page.locator("#charts figcaption").last).to_contain_text(
        re.compile(r"Median \d+\.\d\d s, 95\s% under \d+\.\d\d s")
    )
