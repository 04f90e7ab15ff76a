"""How often a host is asked by all workers together: a bucket of tokens for each host, in Redis.

The bucket is GCRA, by the server's clock, in the key `rate:v1:gcra:<host>`, which expires when it is full.
"""

from datetime import timedelta
from typing import Any

from throttled import RedisStore, Throttled
from throttled.exceptions import StoreUnavailableError
from throttled.rate_limiter import per_duration
from throttled.store.redis_pool import ConnectionFactory

from producer.server import connect
from worker.keyspace import Keyspace

PERIOD_S = 3600
"""The rate is given to the library in tokens an hour, since it counts whole ones in whole seconds."""


class OwnConnection(ConnectionFactory):
    """Connects as the rest of the service does."""

    def connect(self, url: str | None = None) -> Any:  # noqa: ANN401  # the library's protocol of a client
        """Give a client of the server at `url`."""
        return connect(url or "")


class HostRate:
    """Gives each host `per_s` downloads a second, and up to one second's worth at once."""

    def __init__(self, redis_url: str, keys: Keyspace, *, per_s: float) -> None:
        self.per_s = per_s
        self._bucket = Throttled(
            using="gcra",
            quota=per_duration(
                timedelta(seconds=PERIOD_S), max(1, round(per_s * PERIOD_S)), burst=max(1, int(per_s))
            ),
            store=RedisStore(
                redis_url, options={"CONNECTION_FACTORY_CLASS": "worker.fetching.host_rate.OwnConnection"}
            ),
            key_prefix=f"{keys.prefix}rate",
        )

    def wait_s(self, host: str) -> float:
        """Take a token for one download from `host`: 0, or the seconds after which there will be one.

        Where the server cannot be asked the download goes on: the worker will notice by itself.
        """
        try:
            result = self._bucket.limit(host)
        except StoreUnavailableError:
            return 0.0
        return float(result.state.retry_after) if result.limited else 0.0
