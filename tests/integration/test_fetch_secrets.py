"""What a URL holds of secrets reaches its own host alone, and no error."""

import traceback

import pytest

from tests.fetching import LIMITS, error_of, redirect
from tests.scripted_host import ScriptedHost, answer
from worker.fetch import Fetcher
from worker.fetching.transfer import Transfer

SECRETS = ("SECRET", "sesame", "alibaba")


def test_user_info_is_sent_to_its_own_host_only(fetcher):
    with ScriptedHost(answer(b"x")) as second, ScriptedHost(redirect(second.url)) as first:
        fetcher.fetch(first.url.replace("//", "//us%40er:p%3Aw@"))

        assert b"Authorization: Basic dXNAZXI6cDp3" in first.requests[0]
        assert b"authorization" not in second.requests[0].lower()


def test_user_info_of_one_download_is_not_sent_with_the_next():
    fetcher = Fetcher(LIMITS)
    ends = []
    transfers = fetcher.transfers(
        may_keep=lambda *_: True, ended=lambda transfer, body, error: ends.append((body, error))
    )

    with ScriptedHost(answer(b"x")) as host:
        for url in (host.url.replace("//", "//user:pw@"), host.url):
            transfers.start(Transfer(url, url, urgent=False, host="127.0.0.1"))
            before = len(ends)
            while len(ends) == before:
                transfers.run_once()
    transfers.close()

    assert ends == [(b"x", None), (b"x", None)]
    assert b"Authorization" in host.requests[0]
    assert b"Authorization" not in host.requests[1]


def leaks(error: BaseException) -> list[str]:
    """Give the secrets in an error, in its chain and in what a traceback prints of it."""
    told = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    return [secret for secret in SECRETS if secret in told]


@pytest.mark.parametrize(
    "response",
    [
        answer(b"SECRET", status=404, headers=("X: SECRET",)),
        answer(b"SECRET", status=503),
        b"SECRET is no status line\r\n\r\n",
        b"HTTP/1.1 200 SECRET\r\nContent-Length: 0\r\n\r\n",
        answer(b"", status=302, headers=("Location: http://alibaba:sesame@10.0.0.1/?token=SECRET#SECRET",)),
        answer(b"", status=302, headers=("Location: ftp://alibaba:sesame@a/?token=SECRET",)),
        answer(b"", status=302, headers=("Location: http://alibaba:sesame@[/?token=SECRET",)),
        answer(b"", status=302, headers=("Location: ?token=SECRET",)),
    ],
)
def test_no_secret_of_a_url_is_in_an_error(fetcher, response):
    with ScriptedHost(response) as host:
        url = host.url.replace("//", "//alibaba:sesame@") + "/x?token=SECRET#SECRET"

        error = error_of(fetcher, url)

    assert leaks(error) == []


@pytest.mark.parametrize("host", ["10.0.0.1", "[::1]", "a b", "[", "a:b", "\udc80", "127.0.0.1:1"])
def test_no_secret_of_a_bad_url_is_in_an_error(fetcher, host):
    assert leaks(error_of(fetcher, f"http://alibaba:sesame@{host}/x?token=SECRET#SECRET")) == []
