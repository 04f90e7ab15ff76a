"""`lookalike enqueue` as a person types it: a process of its own against a real server."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "worker", "enqueue"]
SECRET = "https://user:SECRET@example.org/x y?token=SECRET"


@pytest.fixture
def run(server, keys, tmp_path):
    """Run the command in an empty folder and give what it did."""

    def run_it(*arguments, stdin="", **environment):
        settings = {
            "LOOKALIKE_REDIS_URL": server.url_as("producer"),
            "LOOKALIKE_ARCHIVE": keys.archive,
            **environment,
        }
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path.cwd()), **settings},
            check=False,
        )

    return run_it


@pytest.fixture
def in_lane(client, keys):
    """Give the URLs in a lane."""

    def urls(lane="backlog"):
        return [fields[b"url"].decode() for _, fields in client.xrange(keys.stream(lane))]

    return urls


def write(folder, name, *lines):
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def urls(count, *, host="a.org"):
    return [f"https://{host}/{number}" for number in range(count)]


def test_several_files_go_onto_the_backlog_in_order(run, in_lane, tmp_path):
    write(tmp_path, "a.txt", *urls(1500))
    write(tmp_path, "b.csv", "image_url,id", "https://b.org/1,7")
    write(tmp_path, "c.jsonl", '{"image_urls": ["https://c.org/1", "https://c.org/2"]}')

    done = run("a.txt", "b.csv", "c.jsonl", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout).items() >= {"accepted": 1503, "known": 0, "bad": 0}.items()
    assert in_lane() == [*urls(1500), "https://b.org/1", "https://c.org/1", "https://c.org/2"]


def test_bad_lines_are_told_with_file_and_line_and_end_nothing(run, in_lane, tmp_path):
    write(tmp_path, "a.txt", "https://a.org/0", "ftp://a.org/1", SECRET, "https://a.org/1")
    write(tmp_path, "b.jsonl", '{"url": "https://b.org/0", "colour": "red"}', '{"url": "https://b.org/1"}')

    done = run("a.txt", "b.jsonl", "--rejects", "bad.jsonl")

    assert done.returncode == 3
    assert done.stdout.startswith("3 images accepted, bad lines: 3, ")
    assert done.stderr.splitlines() == [
        "a.txt:2: url 'ftp://a.org/1': its scheme is not one of http, https, file",
        "a.txt:3: url 'https://example.org/x y?…' contains a space or control character: percent-encode it",
        (
            "b.jsonl:1: unknown field 'colour': keep it with --meta-field, "
            "or leave out all such fields with --ignore-unknown"
        ),
    ]
    assert in_lane() == ["https://a.org/0", "https://a.org/1", "https://b.org/1"]
    rejects = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [(reject["file"], reject["line"], reject["text"]) for reject in rejects] == [
        ("a.txt", 2, "ftp://a.org/1"),
        ("a.txt", 3, SECRET),
        ("b.jsonl", 1, '{"url": "https://b.org/0", "colour": "red"}'),
    ]
    assert (tmp_path / "bad.jsonl").stat().st_mode & 0o077 == 0


def test_a_million_bad_lines_are_counted_and_not_all_told(run, tmp_path):
    write(tmp_path, "a.txt", *["no url"] * 5000)

    done = run("a.txt", "--json")

    assert (done.returncode, json.loads(done.stdout)["bad"]) == (3, 5000)
    assert len(done.stderr.splitlines()) == 1001


def test_a_dry_run_shows_the_first_messages_and_sends_nothing(run, client, tmp_path):
    write(tmp_path, "a.txt", "https://u:SECRET@a.org/1?SECRET", *urls(4), "bad")

    done = run("a.txt", "--dry-run", "--json", "--source", "x", LOOKALIKE_REDIS_URL="redis://127.0.0.1:1/0")

    *messages, counts = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 3
    assert [(message["url"], message["source"]) for message in messages] == [
        ("https://a.org/1?…", "x"),
        ("https://a.org/0", "x"),
        ("https://a.org/1", "x"),
    ]
    assert counts == {"valid": 5, "bad": 1}
    assert "SECRET" not in done.stdout + done.stderr
    assert client.keys() == []


def test_names_and_folders_become_urls(run, in_lane, tmp_path):
    write(tmp_path, "names.txt", "a b.jpg", "https://a.org/0")
    (tmp_path / "images").mkdir()
    write(tmp_path / "images", "c.png")

    assert run("names.txt", "images", "--base-url", "https://b.org/x").returncode == 0
    assert run("images").returncode == 0
    assert in_lane() == [
        "https://b.org/x/a%20b.jpg",
        "https://a.org/0",
        "https://b.org/x/c.png",
        f"file://{tmp_path}/images/c.png",
    ]


def test_fields_are_taken_by_other_names(run, client, keys, tmp_path):
    write(
        tmp_path,
        "a.csv",
        "link,post,when,page,who,likes,x",
        "https://a.org/0,7,2026-11-22,https://a.org/p,me,3,y",
    )

    done = run(
        "a.csv", "--url-field", "link", "--id-field", "post", "--scraped-at-field", "when", "--page-url-field", "page",
        "--source-field", "who", "--meta-field", "likes", "--ignore-unknown",
    )  # fmt: skip

    assert done.returncode == 0
    ((_, fields),) = client.xrange(keys.stream("backlog"))
    assert fields == {
        b"url": b"https://a.org/0",
        b"id": b"7",
        b"scraped_at": b"2026-11-22T00:00:00Z",
        b"page_url": b"https://a.org/p",
        b"source": b"me",
        b"meta": b'{"likes":"3"}',
    }


def test_known_images_are_left_out(run, client, keys, in_lane, tmp_path):
    write(tmp_path, "a.csv", "url,id", "https://a.org/0,a", "https://a.org/1,b")
    client.hset(keys.ids("a"), "a", 0)

    done = run("a.csv", "--skip-known", "--json")

    assert json.loads(done.stdout).items() >= {"accepted": 1, "known": 1, "bad": 0}.items()
    assert in_lane() == ["https://a.org/1"]


def test_a_parquet_file_goes_onto_the_backlog_as_others_do(run, client, keys, tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="an extra")
    parquet = pytest.importorskip("pyarrow.parquet", reason="an extra")
    columns = {
        "media": [*urls(3), "ftp://a.org"],
        "post": [7, 8, 9, 10],
        "likes": [1, None, 3, 4],
        "x": [0] * 4,
    }
    parquet.write_table(arrow.table(columns), tmp_path / "a.parquet", row_group_size=2)

    options = ("--url-field", "media", "--id-field", "post", "--meta-field", "likes", "--ignore-unknown")
    tried = run("a.parquet", "--dry-run", "--json", *options)
    done = run("a.parquet", "--json", "--rejects", "bad", *options)

    assert json.loads(tried.stdout.splitlines()[-1]) == {"valid": 3, "bad": 1}
    assert json.loads(done.stdout).items() >= {"accepted": 3, "bad": 1}.items()
    assert done.stderr.startswith("a.parquet:4: url 'ftp://a.org'")
    assert [fields for _, fields in client.xrange(keys.stream("backlog"))] == [
        {b"url": b"https://a.org/0", b"id": b"7", b"meta": b'{"likes":1}'},
        {b"url": b"https://a.org/1", b"id": b"8"},
        {b"url": b"https://a.org/2", b"id": b"9", b"meta": b'{"likes":3}'},
    ]
    assert json.loads(json.loads((tmp_path / "bad").read_text())["text"]) == {
        "media": "ftp://a.org",
        "post": 10,
        "likes": 4,
    }


def test_without_pyarrow_the_remedy_is_told(run, client, tmp_path):
    (tmp_path / "pyarrow.py").write_text("raise ImportError('no pyarrow here')")
    (tmp_path / "a.parquet").touch()

    done = run("a.parquet", PYTHONPATH=f"{tmp_path}:{Path.cwd()}")

    assert done.returncode == 2
    assert "a Parquet file needs pyarrow: pip install 'lookalike[parquet]'" in " ".join(done.stderr.split())


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_limit_ends_the_run_within_a_row_too(limit, run, in_lane, tmp_path):
    write(
        tmp_path,
        "a.jsonl",
        '{"image_urls": ["https://a.org/0", "https://a.org/1"]}',
        '{"url": "https://a.org/2"}',
    )
    write(tmp_path, "b.txt", *urls(9))

    assert run("a.jsonl", "b.txt", "--limit", limit).returncode == 0
    assert in_lane() == urls(limit)


def test_a_pipe_is_read_to_its_end(run, in_lane):
    done = run("-", "--lane", "live", stdin='https://a.org/0\n{"url": "https://a.org/1"}\n\nhttps://a.org/2')

    assert done.returncode == 0
    assert in_lane("live") == urls(3)


@pytest.mark.parametrize("begin", ["PAR1\x15\x04", "BZh91AY&SY\n"])
def test_a_pipe_that_is_no_text_is_one_bad_line(begin, run, client):
    done = run("-", stdin=begin + "x\n" * 99)

    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "-:1: cannot be read further: Parquet, or packed: name the file instead of a pipe, or unpack it first"
    ]
    assert client.keys("*images*") == []


def test_an_unreachable_server_is_told_in_one_sentence(run, tmp_path):
    write(tmp_path, "a.txt", *urls(1))

    done = run("a.txt", LOOKALIKE_REDIS_URL="redis://u:SECRET@127.0.0.1:1/0")

    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == (
        "lookalike enqueue: the server redis://127.0.0.1:1/0 cannot be reached: "
        "start it, or correct LOOKALIKE_REDIS_URL\n"
    )


def test_where_no_server_is_named_the_embedded_one_is_offered(run, tmp_path):
    write(tmp_path, "a.txt", *urls(1))
    (tmp_path / "lookalike-data").mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "lookalike-data" / "valkey.sock"))

    done = run("a.txt", LOOKALIKE_REDIS_URL="")

    assert done.returncode == 69
    assert done.stderr == (
        f"lookalike enqueue: the server {tmp_path}/lookalike-data/valkey.sock cannot be reached: "
        "run `lookalike up` here, or set LOOKALIKE_REDIS_URL to a server's address\n"
    )


def test_files_that_no_setting_here_lets_workers_read_are_told_before_they_are_sent(run, in_lane, tmp_path):
    (tmp_path / "images" / "inner").mkdir(parents=True)
    write(tmp_path / "images" / "inner", "c.png")
    (tmp_path / "link").symlink_to("images")

    told = [
        run(name, "--dry-run", LOOKALIKE_FILE_ROOTS=roots).stderr
        for name, roots in [
            ("images", ""),
            ("images/inner/c.png", f"/srv:{tmp_path}/other"),
            ("images", f"/srv:{tmp_path}/link"),
            ("images/inner", str(tmp_path)),
        ]
    ]
    with_base_url = run("images", "--dry-run", "--base-url", "https://b.org/").stderr

    assert [line.count("\n") for line in told] == [1, 1, 0, 0]
    assert f"LOOKALIKE_FILE_ROOTS does not name {tmp_path}/images here" in told[0]
    assert f"LOOKALIKE_FILE_ROOTS does not name {tmp_path}/images/inner here" in told[1]
    assert with_base_url == ""


def test_what_is_no_url_is_shown_without_secrets_and_with_the_remedy(run, in_lane):
    lines = ["not a url", "u@SECRET@a.org/x?k=SECRET", "https://a.org/0", '{"url": 5}']

    done = run("-", stdin="\n".join(lines))

    assert (done.returncode, in_lane()) == (3, ["https://a.org/0"])
    assert done.stdout.startswith("1 image accepted, bad lines: 3, ")
    remedy = "write it whole, with https://, or give with --base-url what comes before such names"
    assert done.stderr.splitlines() == [
        f"-:1: url 'not a url' is no URL: {remedy}",
        f"-:2: url 'a.org/x?…' is no URL: {remedy}",
        "-:4: url of type int: it must be text",
    ]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"LOOKALIKE_REDIS_URL": "http://SECRET"}, "LOOKALIKE_REDIS_URL must begin with redis://"),
        ({"LOOKALIKE_ARCHIVE": "No!"}, "LOOKALIKE_ARCHIVE: archive name"),
    ],
)
def test_a_bad_setting_is_named(environment, told, run, tmp_path):
    write(tmp_path, "a.txt", *urls(1))

    done = run("a.txt", **environment)

    assert (done.returncode, told in done.stderr, "SECRET" in done.stderr) == (78, True, False)


def test_a_full_server_ends_the_run_for_now(run, client, tmp_path):
    write(tmp_path, "a.txt", *urls(1))
    client.config_set("maxmemory", int(client.info("memory")["used_memory"] / 0.9))
    try:
        done = run("a.txt")
    finally:
        client.config_set("maxmemory", 0)

    assert done.returncode == 75
    assert "uses 85 % of its maxmemory or more" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing argument 'SOURCE...'"),
        (["none.txt"], "none.txt: no such file or folder"),
        (["-", "--checkpoint", "c"], "--checkpoint cannot go with a pipe"),
        (["-", "-"], "can be read once"),
        (["-", "--format", "parquet"], "Parquet cannot be read from a pipe (-)"),
        (["--follow", "a.csv"], "only a file of text or JSON lines can be followed"),
        (["a.csv", "--base-url", "bucket.example.org"], "--base-url: url"),
        (["a.csv", "--rate", "fast"], "'fast' is no rate such as 500 or 500/s"),
        (["a.csv", "--lane", "retry"], "'retry' is not one of 'live', 'backlog'"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(arguments, told, run, client, tmp_path):
    write(tmp_path, "a.csv", "url", *urls(1))

    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert told in " ".join(done.stderr.split())
    assert client.keys() == []


def test_help_shows_examples_and_exit_statuses(run):
    done = run("--help")

    assert "scraper | lookalike enqueue --lane live -" in done.stdout
    assert "75 the server's memory is full" in done.stdout
