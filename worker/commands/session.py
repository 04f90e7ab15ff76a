"""What every verb begins with: its settings, and a connection to the archive's server."""

import os
from pathlib import Path

import redis

from producer.server import REDIS_URL, connect, find_redis_url
from worker.errors import ConfigurationError
from worker.keyspace import Keyspace
from worker.settings import Settings, load_settings


def find_settings() -> Settings:
    """Give the settings, with the server that is nearest: the environment's, this folder's, localhost.

    Raises:
        ConfigurationError: A setting is out of its range.
    """
    try:
        url = find_redis_url(os.environ, Path.cwd())
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    return load_settings(redis_url=url) if not os.environ.get(REDIS_URL) else load_settings()


def open_session() -> tuple[Settings, redis.Redis, Keyspace]:
    """Give settings, a client that has reached the server, and the archive's keys; redis-py's errors pass."""
    settings = find_settings()
    client = connect(settings.redis_url.get_secret_value())
    client.ping()
    return settings, client, Keyspace(settings.archive)
