"""Celery's broker: from a URL as we take it to what kombu needs to be told."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.backoff import NoBackoff
from redis.retry import Retry

from producer.sentinels import SentinelUrl, is_sentinel_url, parse_sentinel_url

ASK_TIMEOUT_S = 0.5
"""Seconds for one sentinel: then the next is asked. redis-py would try one that is away four times, over seconds."""

_VERIFY = ("ssl_cert_reqs", "required")


def kombu_broker(url: str) -> tuple[str, dict[str, Any]]:
    """Give a broker's URL in kombu's form and the options of its transport.

    Certificates are checked unless the URL says otherwise: kombu by itself would trust whoever answers.
    """
    if is_sentinel_url(url):
        return _sentinel_broker(parse_sentinel_url(url))
    return ";".join(_verify(one) for one in url.split(";")), {}


def _verify(url: str) -> str:
    parts = urlsplit(url)
    options = parse_qsl(parts.query)
    if parts.scheme != "rediss" or _VERIFY[0] in dict(options):
        return url
    return urlunsplit(parts._replace(query=urlencode([*options, _VERIFY])))


def _sentinel_broker(parsed: SentinelUrl) -> tuple[str, dict[str, Any]]:
    """Name each sentinel in a URL of its own; who asks them, and for which service, goes into the options."""
    tls = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in parsed.tls.items()
    }
    tls.pop("ssl", None)
    query = f"?{urlencode(tls)}" if tls else ""
    urls = [
        f"sentinel://{parsed.user}{host}:{port}/{parsed.database}{query}" for host, port in parsed.sentinels
    ]
    asking = {
        "socket_connect_timeout": ASK_TIMEOUT_S,
        "socket_timeout": ASK_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        **parsed.tls,
        **parsed.asking,
    }
    return ";".join(urls), {"master_name": parsed.service, "sentinel_kwargs": asking}
