"""The pages as HTML: whole without a script, and nothing that a stranger wrote becomes more than text."""

import io
import re
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from PIL import Image

from tests.web_site import DEMO_FOLDER

CAT = "b15fe6465121175e"
HOSTILE_ID = "<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def _page(web, path, status=200):
    answer = web.get(path, Accept="text/html")
    assert answer.status == status, answer.text[:300]
    return Page(answer.text)


HOSTILE_PAGES = [
    "/",
    f"/clusters/{CAT}",
    "/clusters",
    f"/compare?a=copy%2F1&b={quote(HOSTILE_ID, safe='')}",
    f"/search?q={CAT}",
]


@pytest.mark.parametrize("path", HOSTILE_PAGES)
def test_what_strangers_wrote_stays_text(web, path):
    page = _page(web, path)

    assert all(script.get("src", "").startswith("/static/") for script in page.all("script"))
    assert [
        image["src"]
        for image in page.all("img")
        if not image["src"].startswith(("/thumbnail?", "/static/", "data:image/webp"))
    ] == []
    assert [
        attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)
    ] == []


@pytest.mark.parametrize("path", HOSTILE_PAGES)
def test_a_link_that_leads_out_tells_nobody_where_from(web, path):
    links = [link for link in _page(web, path).all("a") if not link["href"].startswith(("/", "#"))]

    assert [link for link in links if not link["href"].startswith(("http://", "https://"))] == []
    assert [link for link in links if not {"noreferrer", "noopener"} <= set(link["rel"].split())] == []


@pytest.mark.parametrize("path", ["/", "/clusters", f"/clusters/{CAT}", "/search", "/compare", "/system"])
def test_every_page_has_a_language_a_title_and_one_heading(web, path):
    page = _page(web, path)

    assert page.all("html")[0]["lang"] == "en"
    assert (len(page.all("h1")), len(page.all("main"))) == (1, 1)
    assert " · Lookalike" in page.text


def test_older_alerts_follow_page_by_page_without_a_script(web, site):
    path, seen = "/", []
    while path:
        html = web.get(path).text
        seen += re.findall(r'class="item alert" id="a([0-9-]+)"', html)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        path = following[1].replace("&amp;", "&") if following else None

    assert len(seen) == len(set(seen)) == site.client.xlen(site.keys.alerts)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?kind=near&max_distance=2", "2 of 64 bits differ"),
        ("?kind=exact", "same hash"),
        ("?source=tipline", "same hash"),
    ],
)
def test_a_filter_of_alerts_shows_those_alone(web, query, expected):
    html = web.get("/" + query).text
    verdicts = re.findall(r'<span class="distance [a-z]+">([^<]+)</span>', html)

    assert verdicts
    assert set(verdicts) == {expected}


def test_a_search_tells_why_there_is_no_answer(web, site):
    told = {
        "http://127.0.0.2/a.jpg": "This address is refused",
        f"{site.images.base_url}missing.jpg": "answered 404",
        f"{site.images.base_url}manifest.csv": "It is not an image",
        "nonsense": "neither an http or https URL nor a hash",
    }

    for url, expected in told.items():
        answer = web.get(f"/search?q={quote(url)}")
        assert expected in Page(answer.text).text
        assert answer.status in (422, 502)


def test_an_alert_tells_the_same_hash_from_a_similar_picture(web):
    alerts = re.findall(
        r'<li class="item alert".*?</li>', web.get("/").text + web.get("/?source=demo").text, re.DOTALL
    )
    told = {re.search(r'class="often"><b>([^<]+)</b>', alert)[1] for alert in alerts}
    buttons = {re.search(r'class="open button"[^>]*>([^<]+)</a>', alert)[1] for alert in alerts}

    seen = re.compile(
        r"(Same hash seen [\d,]+ times?(, similar [\d,]+ times?)?|Similar pictures? seen [\d,]+ times?)"
        r"( or more)? before"
    )
    assert [text for text in told if not seen.fullmatch(text)] == []
    assert {text.split(" ")[0] for text in told} == {"Same", "Similar"}
    assert [
        text for text in buttons if not re.fullmatch(r"Open cluster \(.*(same hash|look-alikes?)\)", text)
    ] == []


def test_who_saw_a_picture_first_is_told_only_where_the_alert_holds_it(web):
    html = web.get("/?source=tipline").text
    since = [
        (int(re.search(r"Same hash seen (\d+)", alert)[1]), "since" in alert)
        for alert in re.findall(r'<p class="verdict">.*?</p>', html, re.DOTALL)
    ]

    assert since
    assert all(is_told == (copies <= 5) for copies, is_told in since)


def test_a_searched_picture_stands_beside_the_nearest(web):
    image = Image.open(DEMO_FOLDER / "coffee.jpg")
    body = io.BytesIO()
    # 4 bits from what the archive holds.
    image.crop((0, 0, image.width * 97 // 100, image.height)).save(body, "PNG")

    answer = web.send("POST", "/search", fields={"file": ("a.png", body.getvalue()), "max_distance": "16"})

    page = Page(answer.text)
    assert "Not seen before with this hash" in page.text
    assert [image["alt"] for image in page.all("img")][1:3] == [
        "What you searched for",
        "The nearest picture of the archive",
    ]
    assert answer.text.count("What you searched for") == 2


@pytest.fixture(scope="module")
def strict(site, wait):
    """A page of an archive whose alerts are nearer than usual."""
    return site.start_web(wait, LOOKALIKE_MAX_DISTANCE="5")


def _distance_shown(page):
    return [option["value"] for option in page.all("option") if "selected" in option]


def test_a_search_begins_with_the_distance_of_alerts_and_shows_any(strict):
    assert _distance_shown(_page(strict, "/search")) == ["5"]
    assert _distance_shown(_page(strict, f"/search?q={CAT}")) == ["5"]
    assert _distance_shown(_page(strict, "/search?max_distance=13")) == ["13"]
    searched = strict.send("POST", "/search", fields={"file": ("a.jpg", b"none")})
    assert _distance_shown(Page(searched.text)) == ["5"]


def test_what_is_near_enough_for_an_alert_is_a_setting(web, strict):
    alerts = web.get("/v1/alerts").json()["alerts"]
    pairs = {
        match["distance"]: (alert["data"]["image"]["id"], match["sample"]["id"])
        for alert in alerts
        for match in alert["data"]["matches"]
    }
    bits = next(bits for bits in pairs if 5 < bits <= 10)
    path = "/compare?a={}&b={}".format(*(quote(image_id, safe="") for image_id in pairs[bits]))

    assert "Near enough for an alert" in _page(web, path).text
    assert "Too far apart for an alert" in _page(strict, path).text


def test_a_flat_hash_is_told_to_have_too_little_texture(web):
    assert "Too little texture" in _page(web, "/search?q=8000000000000000").text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/clusters/0000000000000001", 404),
        ("/clusters/xyz", 422),
        ("/clusters?cursor=nonsense", 400),
        ("/nowhere", 404),
    ],
)
def test_a_problem_is_a_page_where_a_browser_asks(web, path, status):
    page = _page(web, path, status)

    assert len(page.all("main")) == 1


def test_without_an_archive_the_page_says_what_is_missing(site, wait):
    web = site.start_web(wait, LOOKALIKE_ARCHIVE="empty")

    assert "a worker makes it when it starts" in _page(web, "/clusters", 503).text
    assert web.get("/readyz").status == 503
    assert web.get("/v1/search?hash=81d07fffe0611a85").json()["type"] == "/problems/no-archive"
    assert _page(web, "/").text.count("No alert yet") == 1


def test_blurring_is_remembered_without_a_script(web):
    answer = web.get("/clusters", Cookie="blur=1")

    assert Page(answer.text).all("html")[0]["class"] == "blur"
