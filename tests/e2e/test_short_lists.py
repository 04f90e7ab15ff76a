"""What lists say on stderr where they are empty, or shorter than what there is."""

import json

import pytest

from tests.command import Command
from tests.filer import Filer


@pytest.fixture
def own_command(server, uuid, keys, tmp_path):
    """The command `lookalike` for an archive without an image."""
    return Command(
        tmp_path, {"LOOKALIKE_REDIS_URL": server.url_as("page"), "LOOKALIKE_ARCHIVE": keys.archive}
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("alerts", "no alerts yet: 0 images recorded, 0 on the way"),
        ("clusters", "no cluster of 2 images or more: 0 images recorded, 0 on the way"),
        ("clusters --min-size 1", "no cluster of 1 image or more: 0 images recorded, 0 on the way"),
        (
            "clusters --since 2026-01-01",
            "no cluster of 2 images or more in that time: 0 images recorded, 0 on the way",
        ),
        ("failures", "no failures are kept"),
        ("failures --reason tls", "no failures are kept with the reason tls"),
    ],
)
def test_an_empty_list_says_so_to_people_alone(own_command, line, told):
    words = own_command.run(*line.split())
    as_json = own_command.run(*line.split(), "--json")

    assert (words.stdout, words.stderr) == ("", f"lookalike: {told}\n")
    assert (as_json.stdout, as_json.stderr) == ("", "")


def test_an_empty_list_tells_what_keeps_it_empty(own_command, client, keys, producer):
    producer.send_many(["https://example.org/a.jpg", "https://example.org/b.jpg"], lane="backlog")
    client.xadd(keys.failures, {"url": "https://example.org/c.jpg", "reason": "tls"})

    told = own_command.run("alerts").stderr

    assert told == (
        "lookalike: no alerts yet: 0 images recorded, 2 on the way, 1 failed (`lookalike failures` tells why), "
        "and no worker runs\n"
    )


def test_alerts_since_a_date_behind_them_all_are_none_of_those_that_are_there(own_command, client, keys):
    client.xadd(keys.alerts, {"event": json.dumps({"id": 1})})
    client.hset(keys.counters, "alerts", 1)

    assert (
        own_command.run("alerts", "--since", "now").stderr == "lookalike: no alerts since then, of 1 in all\n"
    )


def test_clusters_beyond_the_20_that_are_listed_by_default_are_told(own_command, client, keys, scripts):
    filer = Filer(client, keys, scripts)
    for at in range(40):
        filer.file(at // 2, name=f"https://example.org/{at}.jpg")
    twenty = own_command.run("clusters", "--json")
    for at in range(40, 42):
        filer.file(at // 2, name=f"https://example.org/{at}.jpg")

    more = own_command.run("clusters", "--json")
    since = own_command.run("clusters", "--json", "--since", "2020-01-01")
    given = own_command.run("clusters", "--json", "--limit", "20")

    assert (twenty.stdout.count("\n"), twenty.stderr) == (20, "")
    for told in (more, since):
        assert told.stdout.count("\n") == 20
        assert told.stderr == "lookalike: these are the 20 largest: --limit 0 lists all\n"
    assert (given.stdout.count("\n"), given.stderr) == (20, "")
