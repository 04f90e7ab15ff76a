"""Downloads of tests: within narrow limits, from hosts on loopback."""

import time
from ipaddress import ip_network

import pytest

from tests.scripted_host import answer
from worker.errors import ImageError
from worker.fetch import Fetcher, FetchLimits

LIMITS = FetchLimits(
    connect_timeout_s=1.0,
    read_timeout_s=0.6,
    download_timeout_s=1.2,
    max_bytes=100_000,
    max_redirects=3,
    file_roots=(),
    allow_networks=(ip_network("127.0.0.1/32"),),
    user_agent="lookalike-test/1 (+https://example.org/contact)",
)
LONGEST_S = LIMITS.download_timeout_s + 1

SPELLINGS_OF_LOOPBACK = (
    "127.0.0.2",
    "127.2",
    "127.0.2",
    "2130706434",
    "0x7f000002",
    "0X7F000002",
    "017700000002",
    "0x7f.0.0.2",
    "0x7f.2",
    "0177.0.0.02",
    "0177.2",
    "127.0.0.0x2",
    "127.000.000.002",
    "127.0.0.2.",
    "user@127.0.0.2",
    "user:pass@127.0.0.2",
    "example.org@127.0.0.2",
    "example.org:80@127.0.0.2",
    "%31%32%37.0.0.2",
    "127。0。0。2",
    "127\uff0e0\uff0e0\uff0e2",
    "\uff11\uff12\uff17.0.0.2",
    "①②⑦.0.0.②",
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
    "[0:0:0:0:0:ffff:7f00:0002]",
    "[::127.0.0.2]",
    "[64:ff9b::127.0.0.2]",
    "[2002:7f00:2::]",
)


def error_of(fetcher: Fetcher, url: str) -> ImageError:
    begun = time.monotonic()
    with pytest.raises(ImageError) as caught:
        fetcher.fetch(url)
    assert time.monotonic() - begun < LONGEST_S
    return caught.value


def redirect(to: str, *, status: int = 302) -> bytes:
    return answer(b"moved", status=status, headers=(f"Location: {to}",))
