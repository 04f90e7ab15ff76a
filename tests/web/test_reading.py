"""The API reads: what it gives is what was sent, and what brute force finds."""

import csv
import time
from urllib.parse import quote

import pytest

from tests.command import Command
from tests.web_site import COPIES, DEMO_FOLDER

CAT = "b15fe6465121175e"


def _manifest():
    with (DEMO_FOLDER / "manifest.csv").open() as file:
        return {row["file"]: row["phash"] for row in csv.DictReader(file)}


def _bits(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.parametrize("max_distance", [0, 2, 10, 16])
def test_a_search_for_a_hash_finds_what_brute_force_finds(web, max_distance):
    hashes = set(_manifest().values())

    for phash in sorted(hashes)[::5]:
        found = web.get(f"/v1/search?hash={phash}&max_distance={max_distance}&limit=100").json()

        expected = sorted(
            (_bits(phash, other), other) for other in hashes - {phash} if _bits(phash, other) <= max_distance
        )
        assert [(match["distance"], match["phash"]) for match in found["matches"]] == expected
        assert found["match_count"] == len(expected)
        assert found["exact"]["phash"] == phash


def test_a_search_for_a_url_downloads_and_hashes_it(web, site):
    url = site.images.url(DEMO_FOLDER / "rocket.jpg")

    found = web.get(f"/v1/search?url={quote(url)}").json()

    assert found["phash"] == _manifest()["rocket.jpg"]
    assert found["exact"]["sample"]["url"] == url


def test_a_search_for_a_file_hashes_it(web):
    body = (DEMO_FOLDER / "rocket.jpg").read_bytes()

    found = web.send("POST", "/v1/search", fields={"file": ("a.jpg", body)}).json()

    assert found["phash"] == _manifest()["rocket.jpg"]
    assert found["matches"]


@pytest.mark.parametrize(
    ("url", "status", "reason"),
    [
        ("http://127.0.0.2:80/a.jpg", 422, "refused_address"),
        ("http://169.254.169.254/latest/meta-data", 422, "refused_address"),
        ("http://[::1]:80/a.jpg", 422, "refused_address"),
        ("file:///etc/passwd", 422, "refused_scheme"),
        ("gopher://example.org/", 422, "bad_entry"),
        ("not a url", 422, "bad_entry"),
        ("{images}missing.jpg?token=secret", 422, "http_status"),
        ("{images}manifest.csv", 422, "not_an_image"),
    ],
)
def test_a_search_for_a_url_tells_why_there_is_no_answer(web, site, url, status, reason):
    answer = web.get(f"/v1/search?url={quote(url.format(images=site.images.base_url))}")

    assert (answer.status, answer.json()["reason"]) == (status, reason)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.text


def test_a_search_never_asks_the_archives_own_server(site, wait):
    web = site.start_web(
        wait, LOOKALIKE_BROKER_URL="redis://127.0.0.1:6399/0", LOOKALIKE_ALLOW_NETWORKS="127.0.0.0/8"
    )

    answer = web.get("/v1/search?url=http://127.0.0.1:6399/")

    assert answer.json()["reason"] == "refused_address"


def test_a_flat_picture_is_told_from_one_that_nobody_has_seen(web):
    found = web.get("/v1/search?hash=8000000000000000").json()

    assert (found["searchable"], found["exact"], found["matches"]) == (False, None, [])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?hash=0123",
        "?hash=81d07fffe0611a85&url=http://example.org",
        "?hash=81d07fffe0611a85&max_distance=17",
    ],
)
def test_a_search_for_nothing_or_too_much_is_a_problem(web, query):
    answer = web.get(f"/v1/search{query}")

    assert (answer.status, answer.json()["status"]) == (422, 422)


def test_a_cluster_gives_its_images_latest_first_page_by_page(web):
    numbers, cursor, pages = [], "", 0
    while cursor is not None:
        page = web.get(f"/v1/clusters/{CAT}?limit=7&cursor={cursor}").json()
        numbers += [image["number"] for image in page["images"]]
        cursor, pages = page["next"], pages + 1

    # Other tests may have sent more of them.
    assert page["cluster"]["images"] == len(set(numbers)) >= COPIES + 3
    assert numbers == sorted(numbers, reverse=True)
    assert pages == -(-len(numbers) // 7)


def test_a_cursor_of_another_cluster_is_a_problem(web):
    other = next(
        image for image in web.get("/v1/clusters?sort=size").json()["clusters"] if image["phash"] != CAT
    )

    answer = web.get(f"/v1/clusters/{CAT}?cursor={other['latest']['number']}")

    assert answer.status == 400


@pytest.mark.parametrize("image_id", ["copy/7", "<img src=x onerror=alert(1)>"])
def test_an_image_is_found_by_any_id(web, image_id):
    image = web.get(f"/v1/images/{quote(image_id, safe='')}").json()

    assert (image["id"], image["phash"], image["source"] is not None) == (image_id, CAT, True)


@pytest.mark.parametrize("path", ["/v1/images/unknown", "/v1/clusters/0000000000000001", "/v1/unknown"])
def test_what_is_not_there_is_a_problem(web, path):
    answer = web.get(path)

    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert set(answer.json()) >= {"type", "title", "status", "detail"}


def test_an_etag_saves_the_second_answer(web):
    path = f"/v1/clusters/{CAT}"
    tag = web.get(path).headers["ETag"]

    assert web.get(path, If_None_Match=tag).status == 304
    assert web.get(path, If_None_Match='"other"').status == 200


def test_alerts_are_read_page_by_page(web, site):
    ids, after = [], ""
    while True:
        page = web.get(f"/v1/alerts?limit=10&after={after}").json()
        if not page["alerts"]:
            break
        ids += [alert["id"] for alert in page["alerts"]]
        after = page["next"]

    assert len(ids) == len(set(ids)) == site.client.xlen(site.keys.alerts)
    assert page["next"] == after


def test_a_window_of_time_and_a_source_narrow_the_listing(web):
    every = web.get("/v1/clusters").json()["clusters"]

    assert web.get("/v1/clusters?since=2020-01-01").json()["clusters"] == every
    assert web.get("/v1/clusters?until=2020-01-01").json()["clusters"] == []
    assert [cluster["phash"] for cluster in web.get("/v1/clusters?source=tipline").json()["clusters"]] == [
        CAT
    ]
    assert web.get("/v1/clusters?since=yesterday").status == 422


def test_growth_tells_what_each_cluster_gained(web):
    clusters = web.get("/v1/clusters?sort=growth").json()["clusters"]

    assert clusters[0]["phash"] == CAT
    assert all(cluster["gained"] == cluster["images"] for cluster in clusters)


def test_counts_health_and_metrics_agree(web):
    stats = web.get("/v1/stats").json()

    assert web.get("/readyz").json()["status"] == "ready"
    assert f"lookalike_images_total {stats['images']}\n" in web.get("/metrics").text
    assert (stats["failures"], stats["workers"]) == (3, 1)


def test_a_thumbnail_comes_from_the_workers_and_never_from_its_source(web, site):
    picture = web.get("/thumbnail?id=copy/7")
    drawing = web.get("/thumbnail?id=unknown")

    assert (picture.headers["Content-Type"], picture.body[8:12]) == ("image/webp", b"WEBP")
    assert drawing.headers["Content-Type"] == "image/svg+xml"


def test_an_answer_does_not_wait_until_the_client_acknowledges_its_head(web):
    took_s = []
    for _ in range(60):
        started = time.monotonic()
        web.get("/healthz")
        took_s.append(time.monotonic() - started)

    # The kernel's delayed acknowledgement, 40 ms, would be in each of them.
    assert min(took_s[40:]) < 0.035


@pytest.mark.parametrize("phash", [CAT, "8000000000000000", "00000000ffffffff"])
def test_a_search_by_the_command_tells_what_the_api_tells(web, site, phash):
    command = Command(site.home, site.environment)

    [told] = command.rows("search", phash)

    assert told == web.get(f"/v1/search?hash={phash}&limit=100").json()
