"""Which archive this is: its uuid, its recipe, its golden hashes; and which one this machine knew here before.

A flushed server does not silently become a new archive, and a worker with another pHash does not mix its hashes into
an old one: both refuse to start (status 78).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
from redis.sentinel import SentinelConnectionPool

from worker.errors import ArchiveMissingError, ConfigurationError
from worker.keyspace import Keyspace

SCHEMA = "1"
"""Version of the data layout."""

_CREATE = (files("worker") / "lua" / "create.lua").read_text()


@dataclass(frozen=True, slots=True)
class Recipe:
    """How hashes are computed, and what they are for the golden images."""

    name: str
    golden: Mapping[str, str]


class KnownArchives:
    """What this machine remembers of the archives that it served, one small file each."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "archives"

    def recall(self, server: str, archive: str) -> str | None:
        """Give the uuid that `archive` on `server` had, if it is remembered."""
        try:
            facts = json.loads(self._path(server, archive).read_text())
        except FileNotFoundError:
            return None
        return str(facts["uuid"])

    def remember(self, server: str, archive: str, uuid: str) -> None:
        """Remember the uuid of `archive` on `server`."""
        if self.recall(server, archive) == uuid:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(server, archive)
        early = path.with_suffix(f".{uuid4().hex}")
        early.write_text(json.dumps({"server": server, "archive": archive, "uuid": uuid}))
        early.replace(path)

    def forget(self, server: str, archive: str) -> None:
        """Forget the archive, so that another one may take its place."""
        self._path(server, archive).unlink(missing_ok=True)

    def _path(self, server: str, archive: str) -> Path:
        digest = hashlib.sha256(f"{server}|{archive}".encode()).hexdigest()[:32]
        return self._folder / f"{digest}.json"


def server_name(client: redis.Redis) -> str:
    """Name the server of `client` by host and port, socket, or the service that sentinels watch; no secret."""
    pool = client.connection_pool
    options = pool.connection_kwargs
    if isinstance(pool, SentinelConnectionPool):
        # Whichever server is the primary: its sentinels stay.
        asked = [sentinel.connection_pool.connection_kwargs for sentinel in pool.sentinel_manager.sentinels]
        hosts = ",".join(sorted(f"{one['host']}:{one['port']}" for one in asked))
        return f"{hosts}/{pool.service_name}/{options.get('db') or 0}"
    where = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    return f"{where}/{options.get('db') or 0}"


def read_archive(client: redis.Redis, keys: Keyspace) -> dict[str, str]:
    """Give the facts of the archive on the server; empty where it has none."""
    facts: dict[Any, Any] = client.hgetall(keys.archive_facts)
    return {name.decode(): value.decode() for name, value in facts.items()}


def open_archive(client: redis.Redis, *, keys: Keyspace, recipe: Recipe, known: KnownArchives) -> str:
    """Give the uuid of the archive; create it where the server has none and this machine remembers none.

    Raises:
        ConfigurationError: The machine remembers another archive here, or the archive has another recipe.
    """
    server = server_name(client)
    remembered = known.recall(server, keys.archive)
    facts = read_archive(client, keys)
    found = facts.get("uuid")
    if remembered and remembered != found:
        state = f"holds {found}" if found else "is empty"
        raise ConfigurationError(
            f"archive {keys.archive!r} at {server} was {remembered}, and the server now {state}: restore its backup, "
            "or run `lookalike archive new` to accept what is there"
        )
    if found is None:
        facts = _create(client, keys=keys, recipe=recipe)
    check_recipe(facts, recipe)
    known.remember(server, keys.archive, facts["uuid"])
    return facts["uuid"]


def find_archive(client: redis.Redis, *, keys: Keyspace) -> str:
    """Give the uuid of an archive that must be there.

    Raises:
        ArchiveMissingError: The server has no such archive: no worker has started on it yet.
    """
    facts = read_archive(client, keys)
    if not facts:
        raise ArchiveMissingError(
            f"no archive {keys.archive!r} at {server_name(client)} yet: a worker makes it when it starts"
        )
    return facts["uuid"]


def check_recipe(facts: Mapping[str, str], recipe: Recipe) -> None:
    """Raise ConfigurationError, naming both, where an archive was made with another recipe or another pHash."""
    if facts["schema"] != SCHEMA:
        raise ConfigurationError(f"the archive has layout {facts['schema']}, this version reads {SCHEMA}")
    if facts["recipe"] != recipe.name:
        raise ConfigurationError(
            f"the archive's recipe is {facts['recipe']!r}, this worker's is {recipe.name!r}"
        )
    golden = json.loads(facts["golden"])
    for name, phash in recipe.golden.items():
        if golden.get(name, phash) != phash:
            raise ConfigurationError(
                f"this worker hashes the golden image {name} to {phash}, the archive has {golden[name]}: its Pillow, "
                "numpy or scipy computes another pHash"
            )


def _create(client: redis.Redis, *, keys: Keyspace, recipe: Recipe) -> dict[str, str]:
    facts = {
        "uuid": uuid4().hex,
        "recipe": recipe.name,
        "golden": json.dumps(dict(recipe.golden), sort_keys=True),
        "schema": SCHEMA,
        "created_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
    }
    args = [text for pair in facts.items() for text in pair]
    stored = client.eval(_CREATE, 1, keys.archive_facts, *args)
    decoded = [text.decode() for text in stored]
    return dict(zip(decoded[::2], decoded[1::2], strict=True))
