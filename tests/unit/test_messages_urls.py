from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.utils.url import url_to_parts

from producer import urls
from producer.server import find_redis_url, find_server, show_server, socket_url
from producer.urls import check_url, default_broker_url, redact_url

pieces = st.sampled_from(
    [
        "http",
        "https",
        "file",
        "://",
        ":",
        "/",
        "//",
        "@",
        "?",
        "#",
        "[",
        "]",
        "a.org",
        "1",
        "-",
        ".",
        "é",
        " ",
    ]
)


@given(st.lists(pieces, max_size=9).map("".join) | st.text(max_size=30).map("https://a.org/{}".format))
def test_the_short_cut_accepts_nothing_that_the_checks_refuse(url):
    if urls._USUAL.fullmatch(url):  # noqa: SLF001 - the short cut has no other door
        urls._check_unusual_url(url)  # noqa: SLF001 - the same


@given(st.text(max_size=50) | st.lists(pieces, max_size=9).map("".join))
def test_a_url_is_checked_and_shown_without_any_other_error(url):
    with suppress(ValueError):
        check_url(url)
    assert redact_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@example.org:8443/a/b.jpg?token=x#f", "https://example.org:8443/a/b.jpg?…"),
        ("https://example.org", "https://example.org"),
        ("file:///srv/a.jpg", "file:///srv/a.jpg"),
        ("https:u:p@example.org/x", "https:…"),
        ("just words", "(no URL)"),
        ("https://[oops/", "(unreadable URL)"),
    ],
)
def test_a_shown_url_has_scheme_host_and_path(url, shown):
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://h:6379/0", "redis://h:6379/1"),
        ("redis://h", "redis://h/1"),
        ("rediss://u:p@h:6379/3", "rediss://u:p@h:6379/4"),
        ("redis://h/7?db=2&ssl=1", "redis://h/3?ssl=1"),
        ("unix:///run/v.sock?db=0", "redis+socket:///run/v.sock?virtual_host=1"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=1"),
        ("unix://u:p@/run/v.sock?db=2", "redis+socket://u:p@/run/v.sock?virtual_host=3"),
    ],
)
def test_the_default_broker_is_the_next_database_of_the_same_server(redis_url, broker_url):
    assert default_broker_url(redis_url) == broker_url
    assert url_to_parts(broker_url)


class TestFindingTheServer:
    def test_the_environment_comes_first(self, tmp_path):
        assert find_redis_url({"LOOKALIKE_REDIS_URL": "redis://h:1/2"}, tmp_path) == "redis://h:1/2"

    def test_the_embedded_server_of_the_folder_comes_next(self, server):
        folder = server.folder
        link = folder / "lookalike-data"
        link.symlink_to(folder)

        found = find_redis_url({"LOOKALIKE_REDIS_URL": ""}, folder)
        link.unlink()

        assert found == socket_url(folder / "lookalike-data" / "valkey.sock")

    def test_localhost_is_the_last(self, tmp_path):
        assert find_redis_url({}, tmp_path) == "redis://localhost:6379/0"

    @pytest.mark.parametrize(
        ("environ", "told"),
        [
            ({"LOOKALIKE_REDIS_URL": "http://u:SECRET@h"}, "LOOKALIKE_REDIS_URL must begin with redis://"),
            ({"LOOKALIKE_REDIS_URL": "redis://u:SECRET@h:x/0"}, "LOOKALIKE_REDIS_URL cannot be read"),
            ({"LOOKALIKE_REDIS_URL": "redis://u:SECRET@h/zero"}, "LOOKALIKE_REDIS_URL cannot be read"),
            ({"LOOKALIKE_ARCHIVE": "Grüße"}, "LOOKALIKE_ARCHIVE: archive name"),
        ],
    )
    def test_a_bad_setting_is_named_without_its_value(self, environ, told):
        with pytest.raises(ValueError, match=told) as caught:
            find_server(environ, Path())

        assert "SECRET" not in str(caught.value)

    def test_a_server_is_shown_without_its_password(self):
        assert show_server("redis://u:SECRET@h:1/2?x=SECRET") == "redis://h:1/2?…"
        assert show_server("unix://u:SECRET@/run/v.sock?db=0") == "/run/v.sock"
