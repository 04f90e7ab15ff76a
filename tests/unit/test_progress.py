"""What a log sees of a run."""

import io
import logging

from producer.progress import PlainTeller
from producer.sources import find_sources
from producer.steps import Counts


def test_a_log_gets_a_plain_line_each_ten_seconds(monkeypatch, tmp_path):
    (tmp_path / "a.txt").write_text("https://a.org/0\n")
    (source,) = find_sources([str(tmp_path / "a.txt")], given_format=None, is_followed=False)
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    counts, written = Counts(accepted=500), io.StringIO()
    teller = PlainTeller(written, counts)

    for now, counts.accepted in ((1005.0, 10_500), (1010.0, 25_500), (1019.9, 26_000), (1020.0, 35_500)):  # noqa: B007
        teller.advance(source)

    assert written.getvalue().splitlines() == [
        f"25,500 images accepted, bad lines: 0, 2,500/s, 0% of {source.name}",
        f"35,500 images accepted, bad lines: 0, 1,000/s, 0% of {source.name}",
    ]


def test_what_a_stranger_wrote_cannot_command_the_terminal():
    written = io.BytesIO()
    stderr = io.TextIOWrapper(written, encoding="utf-8")

    PlainTeller(stderr, Counts()).complain("a.txt:1", "url '\x1b[2J'\n\u202e")

    assert written.getvalue().decode() == "a.txt:1: url '\ufffd[2J'\ufffd\ufffd\n"


def test_a_warning_of_the_producer_is_told_with_the_command_as_its_sender():
    written = io.StringIO()

    with PlainTeller(written, Counts()):
        logging.getLogger("producer.append").warning("the server %s is away", "redis://h")
    logging.getLogger("producer.append").warning("nobody listens any more")

    assert written.getvalue() == "lookalike enqueue: the server redis://h is away\n"
