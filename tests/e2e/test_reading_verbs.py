"""What the reading verbs say of an archive that real workers have filled."""

import csv
import json
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

DEMO = Path(__file__).parent.parent.parent / "demo"
FLAT = "8000000000000000"


@pytest.fixture(scope="session")
def hashes(archive):
    """The hash of each URL of the archive, from the manifest."""
    with (DEMO / "manifest.csv").open() as file:
        by_name = {row["file"]: row["phash"] for row in csv.DictReader(file)}
    return {url: by_name[url.rpartition("/")[2]] for url in archive.urls}


def _name(url):
    return url.rpartition("/")[2]


def test_stats_count_what_a_plain_loop_counts(archive, hashes):
    sizes = Counter([*hashes.values(), FLAT, FLAT])

    [stats] = archive.command.rows("stats")

    assert stats == {
        "images": 48,
        "clusters": len(sizes),
        "clusters_by_min_size": {
            "2": sum(size >= 2 for size in sizes.values()),
            "5": sum(size >= 5 for size in sizes.values()),
        },
        "largest": max(sizes.values()),
        "alerts": len(archive.command.rows("alerts")),
        "failures": 3,
        "low_information": 2,
    }


def test_status_tells_that_nothing_waits(archive):
    [status] = archive.command.rows("status")

    assert status | {"workers": 0} == {
        "waiting": {"live": 0, "retry": 0, "backlog": 0},
        "in_flight": 0,
        "delayed": 0,
        "failures": 3,
        "workers": 0,
    }


def test_clusters_are_listed_by_size_with_their_urls(archive, hashes):
    by_hash = {}
    for url, phash in [*hashes.items(), *((url, FLAT) for url in archive.flat_urls)]:
        by_hash.setdefault(phash, set()).add(url)
    expected = {phash: urls for phash, urls in by_hash.items() if len(urls) > 1}

    rows = archive.command.rows("clusters")

    assert {row["phash"]: set(row["urls"]) for row in rows} == expected
    assert all(row["images"] == len(row["urls"]) for row in rows)
    assert all(after["images"] <= before["images"] for before, after in pairwise(rows))
    assert all(row["first_seen_at"] <= row["last_seen_at"] for row in rows)


def test_a_limit_cuts_the_list(archive):
    rows = archive.command.rows("clusters")

    assert archive.command.rows("clusters", "--limit", "2") == rows[:2]
    assert archive.command.rows("clusters", "--limit", "0") == rows


def test_clusters_of_one_image_are_listed_when_asked_for(archive, hashes):
    rows = archive.command.rows("clusters", "--min-size", "1", "--limit", "0")

    assert {row["phash"] for row in rows} == {*hashes.values(), FLAT}
    assert sum(row["images"] for row in rows) == 48


def test_a_period_lists_what_was_seen_in_it_alone(archive):
    everything = archive.command.rows("clusters", "--limit", "0")
    later = max(row["first_seen_at"] for row in everything)

    inside = archive.command.rows("clusters", "--limit", "0", "--since", "2020-01-01")
    before = archive.command.rows("clusters", "--until", "2020-01-01")
    until = archive.command.rows("clusters", "--min-size", "1", "--limit", "0", "--until", later)
    since = archive.command.rows("clusters", "--min-size", "1", "--limit", "0", "--since", later)

    assert inside == everything
    assert before == []
    assert sum(row["images"] for row in [*until, *since]) == 48
    assert all(row["last_seen_at"] < later for row in until)
    assert all(row["first_seen_at"] >= later for row in since)


def test_show_gives_all_of_a_cluster(archive):
    [largest] = archive.command.rows("clusters", "--limit", "1")

    [shown] = archive.command.rows("clusters", "show", largest["phash"].upper())

    assert shown == largest
    assert all(url in archive.command.run("clusters", "show", shown["phash"]).stdout for url in shown["urls"])


def test_show_of_a_hash_that_nobody_has_ends_with_1(archive):
    told = archive.command.run("clusters", "show", "00000000ffffffff", status=1)

    assert "no image has the hash 00000000ffffffff" in told.stderr
    assert told.stdout == ""


def test_show_of_something_else_than_a_hash_is_wrong_usage(archive):
    told = archive.command.run("clusters", "show", "zzz", status=2)

    assert "'zzz' is no hash: a hash is 16 hex digits" in told.stderr


@pytest.mark.parametrize("max_distance", [0, 10, 16])
def test_search_finds_what_brute_force_finds(archive, hashes, max_distance):
    phash = hashes[archive.images.url(DEMO / "chelsea.jpg")]
    sizes = Counter(hashes.values())
    distances = {other: (int(other, 16) ^ int(phash, 16)).bit_count() for other in sizes}
    near = sorted((distance, other) for other, distance in distances.items() if 0 < distance <= max_distance)

    [found] = archive.command.rows("search", phash, "--max-distance", str(max_distance))

    assert [(match["distance"], match["phash"]) for match in found["matches"]] == near
    assert [match["images"] for match in found["matches"]] == [sizes[other] for _, other in near]
    assert (found["phash"], found["searchable"], found["max_distance"]) == (phash, True, max_distance)
    assert (found["exact"]["phash"], found["exact"]["images"]) == (phash, sizes[phash])
    assert found["match_count"] == len(near)


def test_search_finds_the_same_by_url_by_file_and_by_hash(archive, hashes):
    url = archive.images.url(DEMO / "chelsea.jpg")

    [by_url] = archive.command.rows("search", url)
    [by_file] = archive.command.rows("search", str(DEMO / "chelsea.jpg"))
    [by_hash] = archive.command.rows("search", hashes[url].upper())

    assert by_url == by_file == by_hash
    assert hashes[by_url["exact"]["sample"]["url"]] == by_url["phash"]


def test_search_takes_an_image_from_a_pipe(archive, hashes):
    body = (DEMO / "chelsea.jpg").read_bytes()

    told = archive.command.run("search", "-", "--json", stdin=body)

    assert json.loads(told.stdout)["phash"] == hashes[archive.images.url(DEMO / "chelsea.jpg")]


def test_search_says_that_a_picture_has_too_little_texture(archive):
    [found] = archive.command.rows("search", archive.flat_urls[0])
    told = archive.command.run("search", FLAT)

    assert (found["phash"], found["searchable"], found["matches"]) == (FLAT, False, [])
    assert (found["exact"]["images"], found["match_count"]) == (2, 0)
    assert "too little texture" in told.stderr
    assert "2 images with this hash" in told.stdout


def test_search_for_what_is_nowhere_is_no_error(archive):
    [found] = archive.command.rows("search", "00000000ffffffff", "--max-distance", "2")

    assert found == {
        "phash": "00000000ffffffff",
        "searchable": True,
        "max_distance": 2,
        "exact": None,
        "match_count": 0,
        "matches": [],
    }


@pytest.mark.parametrize(
    ("what", "status", "told"),
    [
        ("nonexisting.jpg", 2, "neither a file, nor a URL"),
        ("http://127.0.0.1:1/a.jpg", 75, "unreachable: http://127.0.0.1:1/a.jpg"),
        ("http://10.0.0.1/a.jpg", 1, "refused_address"),
        (str(DEMO / "manifest.csv"), 1, "not_an_image"),
    ],
)
def test_search_tells_why_there_is_no_image_to_search_for(archive, what, status, told):
    assert told in archive.command.run("search", what, status=status).stderr


def test_alerts_are_told_whole_as_json_and_in_words(archive):
    events = archive.command.rows("alerts")
    words = archive.command.run("alerts").stdout

    assert len(events) > 10
    assert {event["type"] for event in events} == {"lookalike.alert.v1"}
    assert all(event["data"]["image"]["url"] in words for event in events)


def test_alerts_go_on_after_the_one_that_was_seen_last(archive):
    events = archive.command.rows("alerts")

    after = archive.command.rows("alerts", "--since", events[3]["id"])

    assert after == events[4:]


def test_alerts_since_a_date_are_those_published_from_then_on(archive):
    events = archive.command.rows("alerts")

    assert archive.command.rows("alerts", "--since", "2020-01-01") == events
    assert archive.command.rows("alerts", "--since", "2999-01-01") == []
    assert archive.command.rows("alerts", "--since", "now") == []


def test_alerts_since_one_that_is_not_kept_are_all_and_say_so(archive):
    told = archive.command.run("alerts", "--json", "--since", "0" * 32 + ":7")

    assert len(told.stdout.splitlines()) == len(archive.command.rows("alerts"))
    assert "no alert with the id" in told.stderr


@pytest.mark.parametrize("since", ["x", "99999999999999999999-0"])
def test_alerts_since_nonsense_are_wrong_usage(archive, since):
    assert "an alert, a date or `now`" in archive.command.run("alerts", "--since", since, status=2).stderr


@pytest.mark.parametrize("entry", ["nonsense", "1763807000123", "99999999999999999999-0"])
def test_another_try_of_what_is_no_entry_is_wrong_usage(archive, entry):
    told = archive.command.run("failures", "retry", "1763807000123-0", entry, status=2)

    assert f"'{entry}' is no `entry`" in told.stderr


def test_failures_tell_why_and_hide_what_may_be_secret(archive):
    rows = archive.command.rows("failures")

    assert {row["reason"]: (row["url"], row["attempts"]) for row in rows} == {
        "http_status": (f"{archive.missing_url}?…", 1),
        "not_an_image": (archive.text_url, 1),
        "bad_entry": ("", 1),
    }
    assert list(rows[0]) == ["entry", "id", "url", "reason", "detail", "attempts"]
    assert "secret" not in json.dumps(rows)
    assert archive.command.rows("failures", "--reason", "not_an_image", "--limit", "1") == [
        row for row in rows if row["reason"] == "not_an_image"
    ]


def test_failures_in_words_name_the_reason_and_the_url_once(archive):
    told = archive.command.run("failures").stdout

    assert "http_status, 1 attempt" in told
    assert [told.count(url) for url in (archive.missing_url, archive.text_url)] == [1, 1]
    assert all(line.strip() for line in told.splitlines())
    assert "secret" not in told


def test_counts_of_one_are_singular(archive):
    told = archive.command.run("stats").stdout

    assert "           48  images recorded\n" in told
    assert "            2  images with too little texture" in told


def test_the_archive_tells_what_it_is(archive):
    [facts] = archive.command.rows("archive")

    assert facts["archive"] == "test"
    assert facts["recipe"] == "imagehash.phash/64/RGBA/1"
    assert len(facts["uuid"]) == 32


def test_a_reader_that_leaves_early_hears_no_complaint(archive):
    command = archive.command
    line = f"{' '.join(command.line('alerts', '--json'))} | head -1"

    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        check=False,
        cwd=command.folder,
        env=command.environment,
    )

    assert (ended.returncode, ended.stderr, ended.stdout.count(b"\n")) == (0, b"", 1)


@pytest.mark.parametrize(
    "verb", ["stats", "status", "alerts", "clusters", "search", "failures", "archive", "up", "worker"]
)
def test_each_verb_has_help_with_examples(archive, verb):
    told = archive.command.run(verb, "--help").stdout

    assert f"lookalike {verb}" in told.partition("Examples:")[2]
