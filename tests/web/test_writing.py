"""The API writes: what it accepts is done, once, and what it refuses changes nothing."""

import json

import pytest

from tests.web_site import DEMO_FOLDER


def _post(web, path, body, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.send(
        "POST", path, body=json.dumps(body), headers={"Content-Type": "application/json", **named}
    )


def test_an_image_that_is_sent_is_recorded(site, web, wait):
    body = {"url": site.images.url(DEMO_FOLDER / "coffee.jpg") + "?sent", "id": "sent/1", "source": "api"}

    answer = _post(web, "/v1/images", body)

    assert (answer.status, answer.json()) == (202, {"accepted": 1, "ids": ["sent/1"]})
    wait(lambda: web.get("/v1/images/sent%2F1").status == 200, what="the image")
    assert web.get("/v1/images/sent%2F1").json()["source"] == "api"


def test_many_are_accepted_in_their_order(site, web, wait):
    cat = site.images.url(DEMO_FOLDER / "coffee.jpg")
    images = [{"url": f"{cat}?many={number}", "id": f"many/{number}"} for number in range(20)]

    answer = _post(web, "/v1/images?lane=backlog", images)

    assert answer.json()["ids"] == [image["id"] for image in images]
    wait(lambda: web.get("/v1/images/many%2F19").status == 200, what="the images")


def test_one_bad_image_refuses_all_of_them(web, site):
    before = site.client.xinfo_stream(site.keys.stream("live"))["entries-added"]

    answer = _post(
        web, "/v1/images", [{"url": "https://example.org/a.jpg"}, {"url": "javascript:alert(1)"}, 7]
    )

    assert answer.status == 422
    assert [(wrong["index"], wrong["field"]) for wrong in answer.json()["errors"]] == [(1, "url"), (2, "")]
    assert site.client.xinfo_stream(site.keys.stream("live"))["entries-added"] == before


@pytest.mark.parametrize("body", [[], [{"url": "https://example.org/a.jpg"}] * 1001, "text", None])
def test_what_are_no_images_is_refused(web, body):
    assert _post(web, "/v1/images", body).status == 422


def test_the_same_key_gives_the_same_answer_and_sends_once(web, site):
    body = {"url": site.images.base_url + "rocket.jpg?keyed"}
    first = _post(web, "/v1/images", body, Idempotency_Key="key-1")
    added = site.client.xinfo_stream(site.keys.stream("live"))["entries-added"]

    second = _post(web, "/v1/images", body, Idempotency_Key="key-1")
    third = _post(web, "/v1/images", {"url": "https://example.org/other.jpg"}, Idempotency_Key="key-1")

    assert (second.status, second.json()) == (202, first.json())
    assert third.status == 409
    assert site.client.xinfo_stream(site.keys.stream("live"))["entries-added"] == added


def test_a_lane_that_is_too_long_is_told_with_a_time_to_come_back(site, wait):
    web = site.start_web(wait, LOOKALIKE_LANE_LIMIT="2")

    answer = _post(web, "/v1/images", [{"url": f"https://example.org/{number}"} for number in range(3)])

    assert (answer.status, answer.headers["Retry-After"]) == (429, "10")


def test_failures_are_listed_and_tried_again(web, site, wait):
    failures = web.get("/v1/failures?limit=2").json()
    rest = web.get(f"/v1/failures?limit=2&cursor={failures['next']}").json()
    everything = failures["failures"] + rest["failures"]
    missing = [failure for failure in everything if failure["reason"] == "http_status"]

    answer = _post(web, "/v1/failures/retry", {"reason": "http_status"})

    assert (len(everything), len(missing), rest["next"]) == (3, 2, None)
    assert "secret" not in json.dumps(everything)
    assert answer.json() == {"retried": 2}
    wait(lambda: web.get("/v1/stats").json()["failures"] == 3, what="the same failures again")


@pytest.mark.parametrize(
    "body",
    [{}, {"all": True, "reason": "tls"}, {"reason": "nonsense"}, {"ids": ["x"]}, {"ids": []}, {"some": 1}],
)
def test_a_retry_of_something_unclear_is_refused(web, body):
    assert _post(web, "/v1/failures/retry", body).status in (400, 422)
