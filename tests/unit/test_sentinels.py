"""URLs that name sentinels: read, shown, moved to the next database, turned into kombu's form."""

import pytest

from producer.sentinels import kombu_broker, parse_sentinel_url
from producer.server import connect, show_server
from producer.urls import default_broker_url
from worker.archive import server_name
from worker.settings import load_settings, own_endpoints

URL = "redis+sentinel://worker:p%40ss@one:26379,two/lookalike/2"


def test_the_data_servers_user_and_database_and_the_sentinels_are_read():
    parsed = parse_sentinel_url(URL)

    assert parsed.sentinels == (("one", 26379), ("two", 26379))
    assert (parsed.service, parsed.database) == ("lookalike", 2)


def test_the_broker_is_the_next_database_of_the_same_service():
    url, options = kombu_broker(default_broker_url(URL))

    assert url == "sentinel://worker:p%40ss@one:26379/3;sentinel://worker:p%40ss@two:26379/3"
    assert options == {"master_name": "lookalike"}


def test_the_sentinels_own_password_stays_theirs():
    url = "redis+sentinel://:data@one/lookalike?sentinel_password=own"

    client = connect(url)
    sentinel = client.connection_pool.sentinel_manager.sentinels[0]

    assert sentinel.connection_pool.connection_kwargs["password"] == "own"
    assert client.connection_pool.connection_kwargs["password"] == "data"
    assert kombu_broker(url)[1]["sentinel_kwargs"] == {"password": "own"}


def test_neither_user_nor_passwords_are_shown():
    shown = show_server(URL + "?sentinel_password=own")

    assert shown == "redis+sentinel://one:26379,two:26379/lookalike/2"


def test_an_archive_is_remembered_by_its_sentinels_in_any_order():
    there = server_name(connect("redis+sentinel://one,two/lookalike/0"))
    again = server_name(connect("redis+sentinel://two,one/lookalike/0"))

    assert there == again == "one:26379,two:26379/lookalike/0"


def test_no_image_may_name_a_sentinel():
    assert own_endpoints(load_settings(redis_url=URL)) == (("one", 26379), ("two", 26379))


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one",
        "redis+sentinel:///lookalike",
        "redis+sentinel://one:port/lookalike",
        "redis+sentinel://one,/lookalike",
        "redis+sentinel://one/lookalike/first",
    ],
)
def test_what_cannot_be_read_is_refused_without_showing_it(url):
    with pytest.raises(ValueError, match=r"^use redis\+sentinel"):
        parse_sentinel_url(url)
