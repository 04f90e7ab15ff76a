"""All downloads of one thread, each from its URL to its end.

A transfer is a chain of requests: look the name up, ask, follow a redirect to the next. Redirects are followed here, so
that each address is looked up, checked and counted alike. Limits of time are kept here too, since the time in which a
transfer waits for room in memory must not count.
"""

import time
from collections.abc import Callable

import pycurl

from producer.urls import redact_url
from worker.errors import (
    EmptyBodyError,
    HttpStatusError,
    HttpStatusLaterError,
    ImageError,
    RefusedAddressError,
    TimedOutError,
    TooManyRedirectsError,
    UnreachableError,
)
from worker.fetching.addresses import AddressRules
from worker.fetching.curl_failures import translate
from worker.fetching.curl_loop import CurlLoop
from worker.fetching.local_files import read_file
from worker.fetching.resolving import Answer, Resolver
from worker.fetching.side_threads import SideThreads
from worker.fetching.targets import Target, parse_redirect, parse_target
from worker.fetching.transfer import FetchLimits, Hand, Transfer

REDIRECTS = frozenset({301, 302, 303, 307, 308})
LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
CUT_DURING_TLS = ("unexpected eof", "SSL_ERROR_SYSCALL", "reset by peer", "SSL_ERROR_ZERO_RETURN")
"""How libcurl and OpenSSL tell that the network, not the peer's TLS, ended a handshake."""

TICK_S = 0.2
FILE_THREADS = 8

Ended = Callable[[Transfer, bytes | None, ImageError | None], None]


class Transfers:
    """Runs transfers; used by one thread, except for `call`."""

    def __init__(
        self,
        limits: FetchLimits,
        *,
        resolver: Resolver,
        rules: AddressRules,
        may_keep: Callable[[Transfer, int], bool],
        ended: Ended,
    ) -> None:
        self._limits = limits
        self._resolver = resolver
        self._rules = rules
        self._may_keep = may_keep
        self._ended = ended
        self._active: dict[Transfer, None] = {}
        self._spare_hands: list[Hand] = []
        self._hands: dict[pycurl.Curl, Hand] = {}
        self._file_threads = SideThreads(FILE_THREADS)
        self._tick_at = 0.0
        self._loop = CurlLoop(self._finish)
        self.call = self._loop.call
        self.call_later = self._loop.call_later

    def start(self, transfer: Transfer) -> None:
        """Begin a transfer; `ended` is called once, here or later."""
        now = time.monotonic()
        transfer.deadline = now + self._limits.download_timeout_s
        self._active[transfer] = None
        if transfer.url[:5].lower() == "file:":
            transfer.quiet_until = transfer.deadline
            self._file_threads.run(lambda: self._read_file(transfer))
        else:
            self._ask(transfer, transfer.url)

    def forget(self) -> list[Transfer]:
        """Drop all transfers, unheard, and close their connections; give them."""
        forgotten = list(self._active)
        for transfer in forgotten:
            self._release(transfer)
        return forgotten

    def resume(self) -> None:
        """Let the transfers that wait for room in memory try again, the oldest first."""
        now = time.monotonic()
        for transfer in [one for one in self._active if one.paused_at is not None]:
            assert transfer.hand is not None  # noqa: S101  # for the type checker
            waited_s = now - (transfer.paused_at or now)
            transfer.paused_at = None
            transfer.deadline += waited_s
            transfer.quiet_until = now + self._limits.read_timeout_s
            transfer.hand.curl.pause(pycurl.PAUSE_CONT)

    def run_once(self) -> None:
        """Wait for something to happen, at most a tick while there is work, and handle it."""
        self._loop.run_once(until=self._tick_at if self._active else None)
        now = time.monotonic()
        if now >= self._tick_at:
            self._tick_at = now + TICK_S
            self._end_late_ones(now)

    def close(self) -> None:
        """Close all connections."""
        self.forget()
        for hand in self._spare_hands:
            hand.curl.close()
        self._loop.close()

    def _ask(self, transfer: Transfer, url: str) -> None:
        """Begin the request of `url`, the first or a redirect."""
        try:
            target = parse_target(url)
        except ImageError as error:
            self._end(transfer, None, error)
            return
        transfer.target = target
        transfer.visited.add(url)
        transfer.quiet_until = time.monotonic() + self._limits.connect_timeout_s + self._limits.read_timeout_s
        known = self._resolver.known(target.host)
        if known is not None:
            self._connect(transfer, target, known)
        else:
            self._resolver.ask(
                target.host, lambda answer: self.call(lambda: self._connect(transfer, target, answer))
            )

    def _connect(self, transfer: Transfer, target: Target, answer: Answer) -> None:
        if transfer.is_over:
            return
        if answer.failure is not None:
            error = UnreachableError(target.shows(f"is not resolved: {answer.failure}"), host=target.host)
            self._end(transfer, None, error)
            return
        try:
            addresses = self._permitted(target, answer)
        except RefusedAddressError as error:
            self._end(transfer, None, error)
            return
        hand = (
            self._spare_hands.pop()
            if self._spare_hands
            else Hand(self._limits, self._rules, may_keep=self._may_keep)
        )
        hand.begin(transfer, target, addresses)
        transfer.hand = hand
        self._hands[hand.curl] = hand
        self._loop.add(hand.curl)

    def _permitted(self, target: Target, answer: Answer) -> tuple[str, ...]:
        permitted = []
        refusal: RefusedAddressError | None = None
        for address in answer.addresses:
            try:
                self._rules.check(address, target.port)
                permitted.append(address)
            except RefusedAddressError as error:
                refusal = error
        if refusal is not None and not permitted:
            raise RefusedAddressError(target.shows(f"is refused: {refusal.detail}"))
        return tuple(permitted)

    def _finish(self, curl: pycurl.Curl, code: int, told: str) -> None:
        hand = self._hands[curl]
        transfer = hand.transfer
        assert transfer is not None and transfer.target is not None  # noqa: S101, PT018  # for the type checker
        target = transfer.target
        is_cut = any(sign in told for sign in CUT_DURING_TLS)
        wish = hand.curl.getinfo(pycurl.RETRY_AFTER) if hand.status in LATER else 0
        self._take_hand(transfer)
        aborted_page = code == pycurl.E_WRITE_ERROR and not hand.is_success
        if hand.failure is not None:
            self._end(transfer, None, hand.failure)
        elif hand.refusal is not None and code == pycurl.E_COULDNT_CONNECT:
            error = RefusedAddressError(target.shows(f"is refused: {hand.refusal.detail}"))
            self._end(transfer, None, error)
        elif code != pycurl.E_OK and not aborted_page:
            self._end(transfer, None, translate(code, is_cut=is_cut, target=target))
        elif hand.status in REDIRECTS and hand.location:
            self._follow(transfer, target, hand.location)
        elif hand.status in LATER:
            told = target.shows(f"answered {hand.status}")
            error_later = HttpStatusLaterError(
                told, status=hand.status, retry_after_s=float(wish) or None, host=target.host
            )
            self._end(transfer, None, error_later)
        elif not hand.is_success:
            self._end(transfer, None, HttpStatusError(target.shows(f"answered {hand.status}")))
        elif not hand.blocks:
            self._end(transfer, None, EmptyBodyError(target.shows("answered without a body")))
        else:
            self._end(transfer, b"".join(hand.blocks), None)
        hand.blocks = []

    def _follow(self, transfer: Transfer, target: Target, location: str) -> None:
        try:
            url = parse_redirect(location, base=target.url)
        except ImageError as error:
            self._end(transfer, None, error)
            return
        if url in transfer.visited or len(transfer.visited) > self._limits.max_redirects:
            told = target.shows(f"redirects to {redact_url(url)} after {len(transfer.visited) - 1} redirects")
            self._end(transfer, None, TooManyRedirectsError(told))
            return
        self._ask(transfer, url)

    def _end_late_ones(self, now: float) -> None:
        for transfer in list(self._active):
            if transfer.paused_at is None and now >= min(transfer.deadline, transfer.quiet_until):
                host = None if transfer.target is None else transfer.target.host
                error = TimedOutError(f"{redact_url(transfer.url)} took too long", host=host)
                self._end(transfer, None, error)

    def _end(self, transfer: Transfer, body: bytes | None, error: ImageError | None) -> None:
        if not transfer.is_over:
            self._release(transfer)
            self._ended(transfer, body, error)

    def _release(self, transfer: Transfer) -> None:
        transfer.is_over = True
        self._active.pop(transfer, None)
        if transfer.hand is not None:
            self._take_hand(transfer)

    def _take_hand(self, transfer: Transfer) -> None:
        hand = transfer.hand
        if hand is not None:
            transfer.hand = None
            self._loop.remove(hand.curl)
            del self._hands[hand.curl]
            hand.transfer = None
            self._spare_hands.append(hand)

    def _read_file(self, transfer: Transfer) -> None:
        """Read a file: URL, on a side thread."""
        limits = self._limits
        try:
            body = read_file(transfer.url, roots=limits.file_roots, max_bytes=limits.max_bytes)
        except ImageError as error:
            failure = error
            self.call(lambda: self._end(transfer, None, failure))
        else:
            self.call(lambda: self._end(transfer, body, None))
