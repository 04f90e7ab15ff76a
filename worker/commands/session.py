"""What every verb begins with: its settings, and a connection to the archive's server."""

import os
from pathlib import Path

import click
import redis
from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from producer.server import (
    DATA_FOLDER,
    DATA_SOCKET,
    REDIS_URL,
    advise,
    connect,
    find_redis_url,
    show_server,
    socket_url,
)
from worker.archive import read_archive
from worker.errors import ConfigurationError, ServiceError
from worker.keyspace import Keyspace
from worker.settings import PREFIX, Settings, load_settings


def find_settings() -> Settings:
    """Give the settings, with the server that is nearest: the environment's, this folder's, localhost.

    Raises:
        ConfigurationError: A setting is out of its range.
    """
    try:
        url = find_redis_url(os.environ, Path.cwd())
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    if is_server_given():
        return load_settings()
    return load_settings(**(folder_settings() or {"redis_url": url}))


def is_server_given() -> bool:
    """Tell whether the environment names the server."""
    return bool(os.environ.get(REDIS_URL))


def folder_settings() -> dict[str, str]:
    """Give what the embedded server of this folder decides; nothing where none runs or another is given."""
    if is_server_given() or not (Path(DATA_FOLDER) / DATA_SOCKET).is_socket():
        return {}
    return embedded_settings(Path(DATA_FOLDER))


def embedded_settings(folder: Path) -> dict[str, str]:
    """Give the settings of a service whose embedded server has its data in `folder`; the environment's stand."""
    folder = folder.absolute()
    settings = {
        "redis_url": socket_url(folder / DATA_SOCKET),
        "state_dir": str(folder / "state"),
        "cache_dir": str(folder / "cache"),
        "thumbnails": (folder / "thumbnails").as_uri(),
    }
    return {name: value for name, value in settings.items() if not os.environ.get(f"{PREFIX}{name.upper()}")}


def open_session() -> tuple[Settings, redis.Redis, Keyspace]:
    """Give settings, a client that has reached the server, and the archive's keys.

    Raises:
        ConfigurationError: A setting is out of its range.
        ServiceError: No server answers, or it lets nobody in.
    """
    settings = find_settings()
    url = settings.redis_url.get_secret_value()
    try:
        client = connect(url)
    except ValueError:
        raise ConfigurationError(
            f"{REDIS_URL} cannot be read: use redis://[user:password@]host:port/number"
        ) from None
    try:
        client.ping()
    except (AuthenticationError, AuthorizationError) as error:
        raise ServiceError(f"the server {show_server(url)} refuses the password: {error}") from None
    except BusyLoadingError:
        raise ServiceError(
            f"the server {show_server(url)} is still loading its data: try again soon"
        ) from None
    except (RedisConnectionError, RedisTimeoutError):
        raise ServiceError(f"no server answers at {show_server(url)}: {advise(os.environ)}") from None
    return settings, client, Keyspace(settings.archive)


def find_uuid(client: redis.Redis, keys: Keyspace) -> str | None:
    """Give the uuid of the archive; where there is none yet, say so on stderr."""
    uuid = read_archive(client, keys).get("uuid")
    if uuid is None:
        click.echo(
            f"lookalike: no archive {keys.archive!r} here yet: a worker makes it when it starts", err=True
        )
    return uuid
