"""Files that are made to do harm, searched for: the page answers each, lives, and serves others meanwhile."""

import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from struct import pack

import pytest
import urllib3

from tests.web_site import DEMO_FOLDER, ROOT

CAT = "b15fe6465121175e"
PICTURE = (DEMO_FOLDER / "chelsea.jpg").read_bytes()
DECODE_TIMEOUT_S = 3


@pytest.fixture(scope="module")
def hooked(site, wait):
    """A page whose decoders die, or hang in C, of bodies that say so."""
    return site.start_web(
        wait,
        PYTHONPATH=str(ROOT / "tests" / "faults" / "hooks"),
        LOOKALIKE_TEST_POISON="1",
        LOOKALIKE_DECODE_TIMEOUT=str(DECODE_TIMEOUT_S),
        LOOKALIKE_CHILD_MEMORY=str(2**27 + 2**26),
        LOOKALIKE_MAX_PIXELS=str(10**9),
        LOOKALIKE_FILE_ROOTS=str(DEMO_FOLDER),
    )


def _search(web, body):
    return web.send("POST", "/v1/search", fields={"file": ("a.jpg", body)})


def _bomb(side):
    """A PNG of one colour with `side` x `side` pixels, in few bytes."""
    squeeze = zlib.compressobj(9)
    row = b"\0" + bytes(side * 3)
    rows = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()

    def chunk(kind, data):
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    header = pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("way", "told"), [("KILL", "SIGKILL"), ("SEGV", "SIGSEGV"), ("HANG", "SIGALRM")])
def test_a_file_that_ends_its_decoder_is_told_and_the_page_lives(hooked, way, told):
    answer = _search(hooked, PICTURE + f"POISON:{way}".encode())

    assert (answer.status, answer.json()["reason"]) == (422, "worker_died")
    assert told in answer.json()["detail"]
    assert _search(hooked, PICTURE).json()["phash"] == CAT
    assert hooked.process.poll() is None


def test_a_bomb_ends_at_the_limit_of_memory(hooked):
    answer = _search(hooked, _bomb(8000))

    assert (answer.status, answer.json()["reason"]) == (422, "too_large")
    assert _search(hooked, PICTURE).json()["phash"] == CAT


def test_others_are_served_while_all_decoders_hang(hooked):
    hanging = [
        threading.Thread(target=_search, args=(hooked, PICTURE + b"POISON:HANG" + bytes(number)))
        for number in range(2)
    ]
    for thread in hanging:
        thread.start()

    started = time.monotonic()
    answers = [hooked.get(f"/v1/search?hash={CAT}").status for _ in range(20)]
    answers += [hooked.get(path).status for path in ("/", "/clusters", "/search", "/system", "/healthz")]
    took_s = time.monotonic() - started

    assert set(answers) == {200}
    assert any(thread.is_alive() for thread in hanging), f"{took_s:.1f} s were longer than the hang"
    for thread in hanging:
        thread.join()
    assert _search(hooked, PICTURE).json()["phash"] == CAT


def test_a_person_reads_why_there_is_no_answer(hooked):
    answer = hooked.send(
        "POST",
        "/search",
        fields={"file": ("a.jpg", PICTURE + b"POISON:SEGV"), "max_distance": "10"},
        headers={"Accept": "text/html"},
    )

    assert answer.status == 422
    assert "It ended the process that was to read it" in answer.text


@pytest.mark.parametrize("name", ["chelsea.jpg", "absent.jpg"])
@pytest.mark.parametrize("path", ["/v1/search?url=", "/search?q="])
def test_no_file_of_the_services_own_machine_is_searched_for(hooked, path, name):
    answer = hooked.get(f"{path}file://{DEMO_FOLDER}/{name}")

    assert answer.status == 422
    assert "its scheme is not one of http, https" in answer.text
    assert "image/webp" not in answer.text


def test_one_process_hashes_file_after_file(hooked):
    _search(hooked, PICTURE)
    before = _children(hooked)

    for _ in range(5):
        assert _search(hooked, PICTURE).status == 200

    assert before == _children(hooked) != set()


def test_the_page_stops_at_once_while_a_decoder_hangs(site, wait):
    web = site.start_web(
        wait,
        PYTHONPATH=str(ROOT / "tests" / "faults" / "hooks"),
        LOOKALIKE_TEST_POISON="1",
        LOOKALIKE_DECODE_TIMEOUT="60",
    )
    _search(web, PICTURE)
    hanging = threading.Thread(target=_search_until_it_ends, args=(web, PICTURE + b"POISON:HANG"))
    hanging.start()
    # Another search needs a second process only while the first one is busy.
    wait(lambda: _search(web, PICTURE).status == 200 and len(_children(web)) > 1, what="the decoder hangs")

    helpers = _children(web)
    started = time.monotonic()
    assert web.stop() == 0

    assert time.monotonic() - started < 15
    hanging.join()
    wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in helpers), what="no process is left")


def _search_until_it_ends(web, body):
    with suppress(urllib3.exceptions.HTTPError):
        _search(web, body)


def _children(web):
    parents = {
        int(stat.parent.name): int(stat.read_text().rpartition(")")[2].split()[1])
        for stat in Path("/proc").glob("[0-9]*/stat")
        if stat.exists()
    }
    return {pid for pid, parent in parents.items() if parent == web.process.pid}
