"""The page beside other verbs: in the demo it stays until Ctrl-C, and `up` goes on without it."""

import re
import socket

import urllib3

from tests.waiting import wait_until


def test_the_page_shows_what_the_demo_has_found_until_ctrl_c(command):
    with command.running("demo", "--keep-running", LOOKALIKE_WEB_PORT="0") as run:
        wait_until(lambda: "the page stays" in run.err, timeout_s=60, what="the end of the main job")
        (address,) = re.findall(r"the page is at (http://\S+)", run.err)
        stats = urllib3.request("GET", f"{address}v1/stats").json()

        assert (run.interrupt(), run.processes(), run.files()) == (130, [], [])
    assert stats["images"] == 46


def test_a_port_that_somebody_else_has_ends_it_with_a_word(command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with command.running("demo", "--keep-running", LOOKALIKE_WEB_PORT=str(port)) as run:
            assert run.process.wait(60) == 69
            assert f"cannot listen at 127.0.0.1:{port}" in run.err
            assert "the page stays" not in run.err


def test_up_goes_on_without_a_page_that_has_no_port_and_says_so(command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with command.running("up", LOOKALIKE_WEB_PORT=str(port)) as run:
            wait_until(
                lambda: "all else goes on without it" in run.err, timeout_s=30, what="a word on the page"
            )
            wait_until(lambda: "ready at" in run.err, timeout_s=30, what="a worker")
            assert run.interrupt() == 130
