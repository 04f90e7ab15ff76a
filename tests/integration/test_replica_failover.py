"""Servers that lose rows, come back from a backup or hold another archive: exact after each, old files or not."""

import contextlib
import shutil
from contextlib import closing

import numpy as np
import pytest
import redis

from producer.server import connect
from tests.hash_appender import HashAppender, wait_built
from worker.embedded import EmbeddedServer
from worker.errors import LogDamagedError
from worker.keyspace import SEGMENT_ROWS
from worker.replica import Replica


@pytest.fixture
def log(client, keys):
    return HashAppender(client, keys)


@pytest.fixture
def replica(server, keys, tmp_path):
    with connect(server.url) as own, closing(Replica(own, keys, cache_dir=tmp_path / "cache")) as made:
        yield made


@pytest.mark.parametrize("is_cut", [True, False])
@pytest.mark.parametrize("new_rows", [0, 300, 1_000, 3_000])
def test_a_failover_that_loses_rows_across_a_border_and_writes_others(is_cut, new_rows, replica, log, keys):
    log.append(log.draw(2 * SEGMENT_ROWS + 1_000)[: 2 * SEGMENT_ROWS + 500])
    log.check(replica)
    wait_built(replica)

    log.rewrite(log.rows[:-1_000])
    log.append(log.draw(new_rows)[:new_rows] if new_rows else log.rows[:0])
    if is_cut:
        log.cut_connections()

    log.check(replica)
    log.append(log.draw(SEGMENT_ROWS))
    log.check(replica)
    wait_built(replica)
    log.check(replica)


@pytest.mark.parametrize("pool_type", [redis.ConnectionPool, redis.BlockingConnectionPool])
def test_rows_that_were_replaced_below_a_horizon_already_held_are_not_found_any_more(
    pool_type, server, keys, log, tmp_path
):
    log.append(log.draw(1_000)[:900])
    own = redis.Redis(connection_pool=pool_type.from_url(server.url))
    with own, closing(Replica(own, keys, cache_dir=tmp_path / "cache")) as replica:
        replica.catch_up()
        lost = log.rows[-10:]
        log.rewrite(log.rows[:-10])
        log.append(log.draw(100)[:50])
        log.cut_connections()
        own.hget(keys.counters, "horizons come from the server, by the connection used last")

        found = replica.search(lost, max_distance=0, before=np.full(len(lost), 895))

    assert [hashes.tolist() for hashes, _ in found] == [[]] * len(lost)


def test_a_horizon_that_the_server_has_lost_limits_nothing(replica, log):
    log.append(log.draw(100))

    ((hashes, _),) = replica.search(log.rows[:1], max_distance=0, before=np.array([10**9]))

    assert hashes.tolist() == log.rows[:1].tolist()


def test_the_restore_of_a_backup(keys, tmp_path):
    folder, backup = tmp_path / "data", tmp_path / "backup"
    durable = {"appendonly": "yes", "appendfsync": "always", "save": ""}
    server = EmbeddedServer(folder, config=durable)
    server.start()
    with (
        connect(server.url) as client,
        closing(Replica(connect(server.url), keys, cache_dir=tmp_path / "c")) as replica,
    ):
        log = HashAppender(client, keys)
        log.append(log.draw(SEGMENT_ROWS + 5_000))
        log.check(replica)
        server.stop()
        shutil.copytree(folder, backup)
        yesterday = log.rows
        server.start()
        client.connection_pool.disconnect()
        log.append(log.draw(2 * SEGMENT_ROWS))
        wait_built(replica)
        log.check(replica)

        server.stop()
        shutil.rmtree(folder)
        shutil.copytree(backup, folder)
        server.start()
        client.connection_pool.disconnect()
        log.rows = yesterday

        log.check(replica)
        log.append(log.draw(2 * SEGMENT_ROWS + 10))
        log.check(replica)
        wait_built(replica)
        log.check(replica)
        server.stop()


def test_a_flushed_server_and_two_archives_in_turn(replica, log, client):
    first = log.draw(2 * SEGMENT_ROWS + 100)
    second = log.draw(3 * SEGMENT_ROWS)[: 2 * SEGMENT_ROWS + 200]
    for uuid, rows in [
        ("a", first),
        ("b", second),
        ("none", first[:0]),
        ("a", first),
        ("b", second[:70_000]),
    ]:
        client.flushall()
        client.hset(log.keys.archive_facts, "uuid", uuid)
        log.rows = np.empty(0, np.uint64)
        log.append(rows)

        log.check(replica)
        if len(rows) > SEGMENT_ROWS:
            wait_built(replica)
        log.check(replica)


def test_an_archive_that_takes_the_place_of_another_on_the_same_connection(replica, log, client):
    client.hset(log.keys.archive_facts, "uuid", "a")
    log.append(log.draw(500)[:400])
    replica.catch_up()

    client.hset(log.keys.archive_facts, "uuid", "b")
    log.rewrite(np.concatenate([log.draw(400)[:399], log.rows[399:]]))
    log.append(log.draw(10))

    log.check(replica)


@pytest.mark.parametrize("error_at", range(7))
def test_after_an_error_in_any_command_the_replica_is_whole(error_at, replica, log, monkeypatch):
    log.append(log.draw(2 * SEGMENT_ROWS + 100))
    replica.catch_up()
    log.rewrite(log.rows[: SEGMENT_ROWS + 7])
    log.append(log.draw(2 * SEGMENT_ROWS))
    log.cut_connections()
    commands = iter(range(100))
    send = redis.Redis.execute_command

    def fail_once(client, *args, **options):
        if next(commands) == error_at:
            raise redis.TimeoutError("the server is gone")
        return send(client, *args, **options)

    with monkeypatch.context() as patched, contextlib.suppress(redis.TimeoutError):
        patched.setattr(redis.Redis, "execute_command", fail_once)
        replica.catch_up()

    log.check(replica)


def test_connections_used_in_turn_compare_the_seals_once_each(server, keys, log, client, tmp_path):
    log.append(log.draw(100))
    with connect(server.url) as own, closing(Replica(own, keys, cache_dir=tmp_path / "cache")) as replica:
        pool = own.connection_pool
        first, second = pool.get_connection(), pool.get_connection()
        client.config_resetstat()
        for _ in range(10):
            for connection in (first, second):
                pool.release(connection)
                replica.catch_up()
                assert pool.get_connection() is connection

        assert client.info("commandstats")["cmdstat_hgetall"]["calls"] == 3
        pool.release(first)
        pool.release(second)


@pytest.mark.parametrize("damage", ["short segment", "missing seal", "wrong seal"])
def test_a_log_that_contradicts_itself_is_refused(damage, replica, log, client, keys):
    log.append(log.draw(SEGMENT_ROWS + 1_000)[: SEGMENT_ROWS + 100])
    if damage == "short segment":
        client.set(keys.segment(0), client.get(keys.segment(0))[:-8])
    elif damage == "missing seal":
        client.hdel(keys.seals, "0")
    else:
        client.hset(keys.seals, "0", "0" * 40)

    with pytest.raises(LogDamagedError):
        replica.catch_up()
