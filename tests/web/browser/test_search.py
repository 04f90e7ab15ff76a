"""Search, in a browser: a hash, a URL, a file that is chosen, dropped or pasted."""

import pytest

from tests.web_site import DEMO_FOLDER

expect = pytest.importorskip("playwright.sync_api").expect

CAT = "b15fe6465121175e"


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
