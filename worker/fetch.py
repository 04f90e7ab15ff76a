"""One download: a URL in, the body's bytes out, or an error that says whether later may help."""

from collections.abc import Callable

from worker.errors import ImageError
from worker.fetching.addresses import AddressRules
from worker.fetching.resolving import Resolver
from worker.fetching.targets import host_of
from worker.fetching.transfer import FetchLimits, Transfer
from worker.fetching.transfers import Ended, Transfers

__all__ = ["FetchLimits", "Fetcher"]


class Fetcher:
    """Downloads images within limits; thread-safe."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._resolver = Resolver()
        self._rules = AddressRules(
            limits.allow_networks,
            refused_endpoints=limits.refused_endpoints,
            resolve=lambda host: self._resolver.resolve(host, timeout_s=1.0).addresses,
        )

    def transfers(self, *, may_keep: Callable[[Transfer, int], bool], ended: Ended) -> Transfers:
        """Give a loop for many downloads at a time, to be run by one thread."""
        return Transfers(
            self._limits, resolver=self._resolver, rules=self._rules, may_keep=may_keep, ended=ended
        )

    def fetch(self, url: str) -> bytes:
        """Download one `url` and wait for it.

        Raises:
            PermanentError: The same URL can never succeed.
            TransientError: It may succeed later.
        """
        ends: list[bytes | ImageError] = []

        def take_end(_transfer: Transfer, body: bytes | None, error: ImageError | None) -> None:
            ends.append(error if error is not None else body or b"")

        transfers = self.transfers(may_keep=lambda _transfer, _size: True, ended=take_end)
        try:
            transfers.start(Transfer(url, url, urgent=True, host=host_of(url)))
            while not ends:
                transfers.run_once()
        finally:
            transfers.close()
        if isinstance(ends[0], ImageError):
            raise ends[0]
        return ends[0]
