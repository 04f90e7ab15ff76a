"""The batches of a run with a checkpoint: each is on the lane once, whatever breaks."""

import threading

import pytest
from redis.exceptions import ResponseError

from producer import ArchiveFullError, ServerRefusedError
from producer.append import Batch, is_passing
from producer.messages import ImageMessage
from producer.once import OtherRunError, StepProducer
from producer.readers.rows import Position
from producer.server import connect
from producer.steps import Counts, Step
from tests.cutting_proxy import CuttingProxy

RUN = "0" * 32


def step(number):
    return Step(number, "/feeds/a.txt", Position(number * 10, number * 160), "f", Counts(number * 10, 0, 1))


def messages(number):
    return [ImageMessage(url=f"https://a.org/{number * 10 + index}") for index in range(10)]


def send(producer, *numbers):
    for number in numbers:
        producer.append_step(messages(number), lane="backlog", run=RUN, step=step(number))


@pytest.fixture
def in_lane(client, keys):
    return lambda: [fields[b"url"].decode() for _, fields in client.xrange(keys.stream("backlog"))]


def urls(*numbers):
    return [message.url for number in numbers for message in messages(number)]


def test_the_server_tells_the_last_step(server, keys, client, in_lane):
    with StepProducer(server.url_as("producer"), keys.archive) as producer:
        before = producer.last_step(RUN)
        send(producer, 1, 2)

        assert (before, producer.last_step(RUN)) == (None, step(2))
        assert in_lane() == urls(1, 2)
        assert 0 < client.ttl(keys.run(RUN)) <= 30 * 24 * 3600


def test_a_connection_that_breaks_around_the_transaction_doubles_nothing(server, keys, in_lane, tmp_path):
    proxy = CuttingProxy(tmp_path, server.socket, cuts=9)
    with StepProducer(proxy.url, keys.archive) as producer:
        send(producer, *range(1, 21))
    proxy.close()

    assert proxy.cuts == 0
    assert in_lane() == urls(*range(1, 21))


def test_a_process_that_was_overtaken_sends_nothing_more(server, keys, in_lane):
    with (
        StepProducer(server.url_as("producer"), keys.archive) as first,
        StepProducer(server.url_as("producer"), keys.archive) as second,
    ):
        send(first, 1, 2)
        send(second, 3)

        with pytest.raises(OtherRunError, match="another process sends with the same checkpoint"):
            send(first, 3)

    assert in_lane() == urls(1, 2, 3)


def test_a_server_that_has_forgotten_a_run_takes_its_next_step(server, keys, client, in_lane):
    with StepProducer(server.url_as("producer"), keys.archive) as producer:
        send(producer, 1)
        client.flushall()
        send(producer, 2)

    assert in_lane() == urls(2)


def test_a_refusal_that_passes_is_waited_for(keys, own_server):
    with connect(own_server.url) as client, StepProducer(own_server.url, keys.archive) as producer:
        client.config_set("min-replicas-to-write", 1)
        end = threading.Timer(0.5, client.config_set, ["min-replicas-to-write", 0])
        end.start()

        send(producer, 1)

        end.join()
        assert client.xlen(keys.stream("backlog")) == 10


@pytest.mark.parametrize(
    ("answer", "passes", "is_full"),
    [
        ("MISCONF Valkey is configured to save RDB snapshots, but cannot", True, False),
        ("EXECABORT Transaction discarded because of: READONLY You can't write", True, False),
        ("EXECABORT Transaction discarded because of: OOM command not allowed", False, True),
        ("Command # 1 (XADD x url https://u:p@a.org) of pipeline caused error: MISCONF Errors", True, False),
        ("Command # 1 (XADD x url MISCONF) of pipeline caused error: WRONGTYPE Operation", False, False),
    ],
)
def test_a_refusal_is_known_wherever_in_a_transaction_it_comes(answer, passes, is_full):
    problem = ResponseError(answer)
    error = Batch(messages(1), server="here", patience_s=0).refusal(problem)

    assert is_passing(problem) == passes
    assert isinstance(error, ArchiveFullError) == is_full


def test_a_refusal_shows_nothing_of_what_was_sent(server, keys):
    secret = [ImageMessage(url="https://user:secret@a.org/1")]
    with StepProducer(server.url_as("producer"), keys.archive) as producer:
        producer.server.set(keys.run(RUN), "")
        with connect(server.url) as client:
            client.set(keys.stream("backlog"), "no stream")

        with pytest.raises(ServerRefusedError) as refusal:
            producer.append_step(secret, lane="backlog", run=RUN, step=step(1))

    assert "WRONGTYPE" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_step_whose_batch_fails_within_the_transaction_is_not_taken(server, keys, client, in_lane):
    client.xadd(keys.stream("backlog"), {"url": "https://a.org/last"}, id=f"{2**64 - 1}-{2**64 - 1}")
    with StepProducer(server.url_as("producer"), keys.archive) as producer:
        with pytest.raises(ServerRefusedError, match="not accepted: 10"):
            send(producer, 1)
        client.delete(keys.stream("backlog"))

        assert producer.last_step(RUN) is None
        send(producer, 1)

    assert in_lane() == urls(1)


def test_a_read_only_replica_is_waited_for(keys, own_server):
    with connect(own_server.url) as client, StepProducer(own_server.url, keys.archive) as producer:
        client.replicaof("127.0.0.1", 1)
        promotion = threading.Timer(0.3, client.replicaof, ["NO", "ONE"])
        promotion.start()

        send(producer, 1)

        promotion.join()
        assert client.xlen(keys.stream("backlog")) == 10


def test_a_server_that_is_killed_and_comes_back_takes_each_step_once(keys, own_server):
    with StepProducer(own_server.url, keys.archive) as producer:
        send(producer, 1)
        own_server.kill()
        restart = threading.Timer(0.3, own_server.start)
        restart.start()

        send(producer, 2, 3)

        restart.join()
        with connect(own_server.url) as client:
            stored = [fields[b"url"].decode() for _, fields in client.xrange(keys.stream("backlog"))]
        assert stored == urls(1, 2, 3)


def test_a_full_server_takes_nothing_of_a_step(server, keys, client, in_lane):
    with StepProducer(server.url_as("producer"), keys.archive) as producer:
        producer.check_memory = lambda _batch: None  # as between two looks at the memory
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(ArchiveFullError, match="not accepted: 10"):
                send(producer, 1)
        finally:
            client.config_set("maxmemory", 0)
        send(producer, 1)

    assert in_lane() == urls(1)


def test_a_user_who_may_not_keep_a_step_is_told(server, keys, client, in_lane):
    client.acl_setuser("feeder", enabled=True, passwords=["+pw"], reset=True)
    client.execute_command("ACL", "SETUSER", "feeder", "~*", "+@all", "-watch")
    try:
        with (
            StepProducer(f"unix://feeder:pw@{server.socket}?db=0", keys.archive) as producer,
            pytest.raises(ServerRefusedError, match=r"the server .* refuses: .*watch"),
        ):
            send(producer, 1)
    finally:
        client.acl_deluser("feeder")

    assert in_lane() == []
    assert server.refusals() == ["1 x feeder: command watch (toplevel)"]
