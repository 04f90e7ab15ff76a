"""URLs that name sentinels: read, shown, moved to the next database, turned into kombu's form."""

from ssl import CERT_NONE, CERT_REQUIRED

import pytest
from kombu import Connection
from redis.connection import SSLConnection

from producer.broker import ASK_TIMEOUT_S, kombu_broker
from producer.sentinels import parse_sentinel_url
from producer.server import connect, show_server
from producer.urls import default_broker_url, named_servers
from worker.archive import server_name
from worker.errors import ConfigurationError
from worker.settings import load_settings

TLS = "?ssl_ca_certs=/ca.pem&ssl_certfile=/own.pem&ssl_keyfile=/own.key"
URL = "redis+sentinel://worker:p%40ss@one:26379,two/lookalike/2"


def test_the_data_servers_user_and_database_and_the_sentinels_are_read():
    parsed = parse_sentinel_url(URL)

    assert parsed.sentinels == (("one", 26379), ("two", 26379))
    assert (parsed.service, parsed.database) == ("lookalike", 2)


def test_the_broker_is_the_next_database_of_the_same_service():
    url, options = kombu_broker(default_broker_url(URL))

    assert url == "sentinel://worker:p%40ss@one:26379/3;sentinel://worker:p%40ss@two:26379/3"
    assert options["master_name"] == "lookalike"
    assert Connection(url, transport_options=options).ssl is False


def test_the_sentinels_own_password_stays_theirs():
    url = "redis+sentinel://:data@one/lookalike?sentinel_password=own"

    client = connect(url)
    sentinel = client.connection_pool.sentinel_manager.sentinels[0]

    assert sentinel.connection_pool.connection_kwargs["password"] == "own"
    assert client.connection_pool.connection_kwargs["password"] == "data"
    assert kombu_broker(url)[1]["sentinel_kwargs"]["password"] == "own"


def test_a_sentinel_that_is_away_costs_the_broker_half_a_second():
    asking = kombu_broker(URL)[1]["sentinel_kwargs"]

    assert (asking["socket_connect_timeout"], asking["socket_timeout"]) == (ASK_TIMEOUT_S, ASK_TIMEOUT_S)
    assert asking["retry"].get_retries() == 0


def test_a_client_asks_each_sentinel_once():
    sentinel = connect(URL).connection_pool.sentinel_manager.sentinels[0]

    assert sentinel.get_retry().get_retries() == 0


def test_tls_reaches_sentinels_and_servers_in_redis_py_and_in_kombu():
    url = f"rediss+sentinel://data:pw@one,two/lookalike/2{TLS}&sentinel_password=own"
    expected = {
        "ssl_ca_certs": "/ca.pem",
        "ssl_certfile": "/own.pem",
        "ssl_keyfile": "/own.key",
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
    }

    client = connect(url)
    pools = [client.connection_pool, client.connection_pool.sentinel_manager.sentinels[1].connection_pool]
    broker, options = kombu_broker(default_broker_url(url))
    connection = Connection(broker, transport_options=options)

    assert [issubclass(pool.connection_class, SSLConnection) for pool in pools] == [True, True]
    assert [pool.connection_kwargs.items() >= expected.items() for pool in pools] == [True, True]
    assert connection.ssl == {**expected, "ssl_cert_reqs": CERT_REQUIRED}
    assert options["sentinel_kwargs"].items() >= {**expected, "ssl": True, "password": "own"}.items()
    assert "pw" not in connection.as_uri()


def test_checking_certificates_can_be_turned_down_for_sentinels_and_servers():
    url = "rediss+sentinel://one/lookalike?ssl_cert_reqs=none&ssl_check_hostname=false"

    broker, options = kombu_broker(url)

    assert Connection(broker).ssl == {"ssl_cert_reqs": CERT_NONE, "ssl_check_hostname": False}
    assert options["sentinel_kwargs"]["ssl_cert_reqs"] == "none"
    assert connect(url).connection_pool.connection_kwargs["ssl_check_hostname"] is False


@pytest.mark.parametrize("given", ["rediss://u:p@host:6379/1", "rediss://u:p@host/1?ssl_ca_certs=/ca.pem"])
def test_the_certificate_of_an_encrypted_broker_is_checked_unless_the_url_says_otherwise(given):
    url, options = kombu_broker(given)
    connection = Connection(url, transport_options=options)

    assert connection.ssl["ssl_cert_reqs"] == CERT_REQUIRED
    assert (connection.userid, connection.password, connection.virtual_host) == ("u", "p", "1")
    assert kombu_broker(f"{given};{given}")[0] == f"{url};{url}"
    assert kombu_broker(f"{url}&ssl_cert_reqs=none")[0].endswith("=none")


def test_neither_user_nor_passwords_are_shown():
    shown = show_server(URL + "?sentinel_password=own")

    assert shown == "redis+sentinel://one:26379,two:26379/lookalike/2"


def test_an_archive_is_remembered_by_its_sentinels_in_any_order():
    there = server_name(connect("redis+sentinel://one,two/lookalike/0"))
    again = server_name(connect("redis+sentinel://two,one/lookalike/0"))

    assert there == again == "one:26379,two:26379/lookalike/0"


def test_no_image_may_name_a_sentinel():
    assert named_servers(URL) == (("one", 26379), ("two", 26379))


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one",
        "redis+sentinel:///lookalike",
        "redis+sentinel://one:port/lookalike",
        "redis+sentinel://one,/lookalike",
        "redis+sentinel://one/lookalike/first",
        "redis+sentinel://one/lookalike?ssl_ca_certs=SECRET",
        "rediss+sentinel://one/lookalike?ssl_ca_cert=SECRET",
        "rediss+sentinel://one/lookalike?ssl_cert_reqs=SECRET",
    ],
)
def test_what_cannot_be_read_is_refused_without_showing_it(url):
    with pytest.raises(ValueError, match=r"^use redis\+sentinel") as refusal:
        parse_sentinel_url(url)
    with pytest.raises(ConfigurationError, match=r"^LOOKALIKE_BROKER_URL: use redis\+sentinel"):
        load_settings(broker_url=url)

    assert "SECRET" not in str(refusal.value)
