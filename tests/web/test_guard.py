"""Who gets in, from where, with how much; and what every answer carries."""

import socket

import pytest
import urllib3

from tests.command import Command
from worker.errors import ConfigurationError
from worker.web.tokens import Tokens, read_tokens, required_scope

READER, WRITER, ADMIN = ("reader-" + "r" * 20, "writer-" + "w" * 20, "admin-" + "a" * 20)
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def guarded(site, wait, tmp_path_factory):
    """A page that asks for tokens."""
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(f"# who\nread {READER}\n\nwrite {WRITER}\nadmin {ADMIN}\n")
    file.chmod(0o600)
    return site.start_web(wait, LOOKALIKE_API_TOKENS_FILE=str(file), LOOKALIKE_WEB_HOST="0.0.0.0")


def _bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "path", ["/", "/clusters", "/v1/stats", "/v1/alerts/stream", "/metrics", "/v1/openapi.json"]
)
def test_without_a_token_nothing_is_shown(guarded, path):
    answer = guarded.get(path)

    assert (answer.status, answer.json()["type"]) == (401, "/problems/token-needed")
    assert "Basic" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("path", ["/healthz", "/static/style.css"])
def test_what_tells_nothing_needs_no_token(guarded, path):
    assert guarded.get(path).status == 200


@pytest.mark.parametrize(
    ("token", "method", "path", "status"),
    [
        (READER, "GET", "/v1/stats", 200),
        (READER, "GET", "/", 200),
        (READER, "POST", "/v1/images", 403),
        (READER, "POST", "/v1/failures/retry", 403),
        (READER, "POST", "/system/retry", 403),
        (WRITER, "GET", "/v1/stats", 403),
        (WRITER, "POST", "/v1/images", 422),
        (WRITER, "POST", "/v1/failures/retry", 403),
        (ADMIN, "GET", "/v1/stats", 200),
        (ADMIN, "POST", "/v1/images", 422),
        (ADMIN, "POST", "/v1/failures/retry", 422),
        ("wrong-token-of-some-length", "GET", "/v1/stats", 401),
        ("", "GET", "/v1/stats", 401),
    ],
)
def test_a_token_opens_what_its_scopes_allow(guarded, token, method, path, status):
    assert guarded.send(method, path, headers=_bearer(token)).status == status


def test_a_browser_sends_the_token_as_a_password(guarded):
    headers = urllib3.make_headers(basic_auth=f"anybody:{READER}")

    assert guarded.send("GET", "/", headers=headers).status == 200


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_a_header_that_nobody_can_read_is_no_token(guarded, scheme):
    answer = guarded.send("GET", "/v1/stats", headers={"Authorization": f"{scheme} \u00e9"})

    assert (answer.status, answer.json()["type"]) == (401, "/problems/token-needed")


def test_beside_its_names_a_service_answers_on_loopback(site, wait, tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"read {READER}\n")
    file.chmod(0o600)

    named = site.start_web(wait, LOOKALIKE_API_TOKENS_FILE=str(file), LOOKALIKE_WEB_NAMES="look.example")

    answers = {
        host: named.get("/healthz", Host=host).status
        for host in ("look.example", "127.0.0.1:8077", "evil.example")
    }
    assert answers == {"look.example": 200, "127.0.0.1:8077": 200, "evil.example": 421}


def test_a_fault_is_told_as_a_problem_sealed_counted_and_logged(site, wait):
    site.client.xadd("{faulty}:alerts", {"event": "no JSON"})
    faulty = site.start_web(wait, LOOKALIKE_ARCHIVE="faulty")

    answer = faulty.get("/v1/alerts")

    assert (answer.status, answer.json()["type"]) == (500, "/problems/internal")
    assert "no JSON" not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert 'route="/v1/alerts",status="500"' in faulty.get("/metrics").text
    assert "JSONDecodeError" in faulty.log.read_text()


def test_no_path_leads_to_a_host_that_the_request_names(web):
    answer = web.get("/clusters/", Host="localhost:1")

    assert (answer.status, answer.headers.get("Location")) == (404, None)


def test_no_token_and_no_searched_url_is_in_the_log(guarded):
    guarded.send("GET", "/v1/search?url=http://127.0.0.2/a.jpg?token=hidden", headers=_bearer(READER))
    guarded.send("GET", "/v1/stats", headers=_bearer("guess-of-a-token-" + "x" * 9))

    log = guarded.log.read_text()
    assert [text for text in (READER, ADMIN, "hidden", "guess-of-a-token") if text in log] == []


@pytest.mark.parametrize(
    "lines",
    [[], ["read short"], ["owner aaaaaaaaaaaaaaaaaaaaaaaaa"], ["read"], ["read a b"], ["# nothing"]],
)
def test_a_file_that_is_no_list_of_tokens_is_refused_without_its_text(lines):
    with pytest.raises(ConfigurationError) as refusal:
        Tokens(lines)

    assert "aaaa" not in str(refusal.value)


def test_a_file_that_everybody_may_write_is_refused(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"read {READER}\n")
    file.chmod(0o666)

    with pytest.raises(ConfigurationError, match="everybody"):
        read_tokens(file)


def test_beyond_loopback_the_page_does_not_start_without_tokens(site):
    told = Command(site.home, site.environment).run("web", "--host", "0.0.0.0", "--port", "0", status=78)

    assert "LOOKALIKE_API_TOKENS_FILE" in told.stderr


def test_every_way_to_change_something_needs_more_than_read():
    assert required_scope("POST", "/v1/images") == "write"
    assert {required_scope(method, "/anything") for method in ("POST", "PUT", "DELETE", "PATCH")} == {"admin"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8077", 200),
        ("[::1]:8077", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
def test_a_name_that_is_not_ours_is_refused(web, host, status):
    assert web.get("/v1/stats", Host=host).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
def test_another_sites_page_cannot_send(web, headers, status):
    answer = web.send("POST", "/blur", fields={"on": "0"}, encode_multipart=False, headers=headers)

    assert answer.status == status


LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
PICTURE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
SEARCHED = "http://127.0.0.1:1/a.jpg"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/stats", PICTURE, 403),
        ("/v1/stats", PICTURE | {"Sec-Fetch-Site": "same-site"}, 403),
        ("/v1/stats", PICTURE | {"Sec-Fetch-Site": "same-origin"}, 200),
        ("/clusters", LINK | {"Sec-Fetch-Dest": "iframe"}, 403),
        ("/clusters", LINK, 200),
        ("/clusters", LINK | {"Sec-Fetch-Site": "none"}, 200),
        (f"/v1/search?url={SEARCHED}", PICTURE, 403),
        (f"/v1/search?url={SEARCHED}", LINK, 403),
        (f"/v1/search?url={SEARCHED}", LINK | {"Sec-Fetch-Site": "none"}, 502),
        (f"/search?q={SEARCHED}", PICTURE, 403),
        (f"/search?q={SEARCHED}", LINK | {"Sec-Fetch-Site": "same-origin"}, 502),
    ],
)
def test_another_sites_page_reaches_nothing_but_by_a_link(web, path, headers, status):
    assert web.get(path, **headers).status == status


def test_a_link_from_elsewhere_lets_nothing_be_downloaded(web):
    answer = web.get(f"/search?q={SEARCHED}", **LINK)

    assert answer.status == 200
    assert f'value="{SEARCHED}"' in answer.text
    assert "Another site led here: press Search" in answer.text


@pytest.mark.parametrize("referer", ["https://evil.example//evil.example/x", "//evil.example", "x"])
def test_blurring_leads_back_to_this_site_alone(web, referer):
    answer = web.send(
        "POST", "/blur", fields={"on": "1"}, encode_multipart=False, headers={"Referer": referer}
    )

    assert answer.headers["Location"].startswith("/")
    assert not answer.headers["Location"].startswith("//")
    assert "HttpOnly" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/stats", "/v1/unknown", "/static/style.css", "/thumbnail?id=x", "/v1/search", "/clusters.csv"],
)
def test_every_answer_is_sealed(web, path):
    headers = web.get(path).headers

    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Server" not in headers
    assert "Access-Control-Allow-Origin" not in headers


def test_a_body_that_announces_too_much_is_refused_before_it_is_read(web):
    answer = web.send("POST", "/v1/search", body=PNG, headers={"Content-Length": str(2**31)})

    assert answer.status == 413


def test_a_body_that_grows_too_long_is_cut_off(site, wait):
    web = site.start_web(wait, LOOKALIKE_MAX_BYTES="1024")

    answer = web.send(
        "POST", "/v1/images", body=iter([b"x" * 40_000] * 2), headers={"Content-Type": "application/json"}
    )

    assert answer.status == 413


def test_an_open_port_of_somebody_else_is_told(site):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = Command(site.home, site.environment).run("web", "--port", port, status=69)

    assert "cannot listen" in told.stderr
