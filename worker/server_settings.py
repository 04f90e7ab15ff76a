"""Looks at the server's own settings at the start of a worker: sets what it may, and tells what it may not."""

import logging
from typing import Any

import redis
from redis.exceptions import ResponseError

from worker.embedded import ENCODINGS

logger = logging.getLogger(__name__)


def prepare_server(client: redis.Redis) -> None:
    """Set the small encodings that keep a record at its measured size; warn of what loses images or memory.

    A managed server may forbid CONFIG: then it is the operator's to set, and `docs/settings.md` tells what.
    """
    try:
        stands: Any = client.config_get("hash-max-listpack-*", "maxmemory-policy", "appendonly")
    except ResponseError as error:
        logger.info("the server's settings cannot be read (%s): docs/settings.md tells what it needs", error)
        return
    for name, needed in ENCODINGS.items():
        if int(stands.get(name, needed)) < int(needed):
            try:
                client.config_set(name, needed)
            except ResponseError:
                logger.warning(
                    "%s is %s on the server, set it to %s: records need less memory",
                    name,
                    stands[name],
                    needed,
                )
    if stands.get("maxmemory-policy", "noeviction") != "noeviction":
        logger.warning(
            "maxmemory-policy is %s on the server: an evicted key is a lost image; set it to noeviction",
            stands["maxmemory-policy"],
        )
    if stands.get("appendonly", "yes") != "yes":
        logger.warning(
            "appendonly is off on the server: what it acknowledged is gone after a restart; set it to yes"
        )
