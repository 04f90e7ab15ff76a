"""Whatever goes wrong is told as a problem (RFC 9457), also where no operation was reached."""

import json
import socket

import pytest

MEDIA_TYPE = "application/problem+json"
ID = "/v1/images/some%2Fid"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1", 404),
        ("GET", "/v1/", 404),
        ("GET", "/v1/unknown", 404),
        ("GET", "/static/unknown.css", 404),
        ("GET", "/static/%2e%2e/app.py", 404),
        ("GET", "/v1/images/%", 404),
        ("GET", "/v1/images/%ff%fe", 404),
        ("GET", "/v1/clusters/%zz", 422),
        ("GET", "/v1/clusters?since=%00", 422),
        ("GET", "/v1/clusters?limit=99999999999999999999999", 422),
        ("GET", "/v1/search?url=%ff", 422),
        ("GET", "/v1/alerts/stream?after=x", 400),
        ("DELETE", "/v1/stats", 405),
        ("TRACE", "/v1/images", 405),
        ("FOO", ID, 405),
    ],
)
def test_every_error_is_a_problem(web, method, path, status):
    answer = web.send(method, path)

    assert (answer.status, answer.headers["Content-Type"]) == (status, MEDIA_TYPE)
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[" * 50_000),
        ("application/json", b'{"url": "https://example.org/\\ud800"}'),
        ("text/plain", b"{}"),
        ("", b""),
        ("multipart/form-data", b"x"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/images", "/v1/search", "/v1/failures/retry"])
def test_a_body_that_cannot_be_read_is_a_problem(web, path, content_type, body):
    answer = web.send("POST", path, body=body, headers={"Content-Type": content_type})

    assert (answer.status in (400, 422), answer.headers["Content-Type"]) == (True, MEDIA_TYPE)
    assert answer.json()["status"] == answer.status


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/images", "POST"),
        (ID, "GET"),
        ("/v1/search", "GET, POST"),
        ("/v1/openapi.json", "GET, HEAD"),
        ("/v1/docs", "GET"),
        ("/search", "GET, POST"),
        ("/", "GET"),
        ("/static/style.css", "GET, HEAD"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_told_those_that_it_takes(web, path, allowed):
    answer = web.send("DELETE", path)

    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


def test_what_head_may_not_ask_has_the_head_of_a_problem(web):
    answer = web.send("HEAD", "/v1/stats")

    assert (answer.status, answer.headers["Allow"], answer.body) == (405, "GET", b"")
    assert answer.headers["Content-Type"] == MEDIA_TYPE


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /v1/stats HTTP/1.1\r\n\r\n",
        b"GET /v1/stats HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /v1/st\xffats HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_with_a_problem_and_a_closed_connection(web, request_bytes):
    host, port = web.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request_bytes)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert MEDIA_TYPE in head.decode()
    assert b"default-src 'none'" in head
    assert json.loads(body)["type"] == "/problems/no-http"
