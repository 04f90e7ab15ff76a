"""Runs the Lua scripts of `worker/lua/`: each one is a step that happens whole or not at all."""

from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any

import redis
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError

from worker.errors import ArchiveMissingError
from worker.keyspace import Keyspace

Value = str | bytes | int
Call = tuple[str, Sequence[str], Sequence[Value]]
"""Name of the script, its keys after the archive's, its arguments after the archive's uuid."""

_FOLDER = files("worker") / "lua"
NAMES = (
    "bisect",
    "bury",
    "describe",
    "fail",
    "give_back",
    "known",
    "list",
    "look_back",
    "phashes",
    "publish",
    "record",
    "renew",
    "retry",
    "sweep",
    "take",
    "try_again",
    "walk",
)
_READING = frozenset({"describe", "list", "look_back", "walk"})
"""Those that share the functions of `reading.lua`; the others are spared the cost of making these."""


def _read_source(name: str) -> str:
    parts = ["prelude", "reading", name] if name in _READING else ["prelude", name]
    return "".join((_FOLDER / f"{part}.lua").read_text() for part in parts)


_SOURCES = {name: _read_source(name) for name in NAMES}
_DIGESTS = {
    name: sha1(source.encode(), usedforsecurity=False).hexdigest() for name, source in _SOURCES.items()
}


class Scripts:
    """The scripts of one archive on one server. Safe to use from several threads.

    Every call raises ArchiveMissingError where the server holds another archive, or none, and passes redis-py's
    errors on.
    """

    def __init__(self, client: redis.Redis, *, keys: Keyspace, uuid: str) -> None:
        self._client = client
        self._archive_key = keys.archive_facts
        self.uuid = uuid

    def call(self, name: str, keys: Sequence[str], args: Sequence[Value]) -> list[Any]:
        """Run one script in one round trip; give its reply, the status (bytes) first."""
        return self.call_many([(name, keys, args)])[0]

    def call_many(
        self, calls: Sequence[Call], *, passing: tuple[type[RedisError], ...] = ()
    ) -> list[list[Any]]:
        """Run several scripts in one round trip, each atomic by itself; give their replies in order.

        An error of the classes `passing` stands in the place of its reply; any other is raised.
        """
        if not calls:
            return []
        replies = self._send(calls)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            for source in _SOURCES.values():
                self._client.script_load(source)
            missing = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            for at, reply in zip(missing, self._send([calls[at] for at in missing]), strict=True):
                replies[at] = reply
        for reply in replies:
            if isinstance(reply, ReadOnlyError):
                # Another server is the primary by now: the next connection may find it where this one cannot.
                self._client.connection_pool.disconnect(inuse_connections=False)
            if isinstance(reply, passing):
                continue
            if isinstance(reply, Exception):
                raise reply
            if reply[0] == b"NOARCHIVE":
                raise ArchiveMissingError(
                    f"the server no longer holds the archive {self.uuid}: restore it, or start the workers again "
                    "after `lookalike archive new`"
                )
        return replies

    def range(self, stream: str, entry_id: str) -> dict[bytes, bytes] | None:
        """Read the fields of one entry of a stream; None where it is gone."""
        rows: list[Any] = self._client.xrange(stream, min=entry_id, max=entry_id) or []
        return dict(rows[0][1]) if rows else None

    def _send(self, calls: Sequence[Call]) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        for name, keys, args in calls:
            pipe.execute_command(  # type: ignore[no-untyped-call]  # redis-py has no type here
                "EVALSHA", _DIGESTS[name], 1 + len(keys), self._archive_key, *keys, self.uuid, *args
            )
        replies: list[Any] = pipe.execute(raise_on_error=False)
        return replies
