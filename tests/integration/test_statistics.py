"""Counting what waits: never less than nothing, whatever happens to the streams."""

from worker.reading.statistics import read_status


def test_an_entry_that_somebody_deleted_is_in_flight_and_waits_nowhere(client, keys, consumer, send):
    for name in ("a", "b", "c"):
        send(name, lane="backlog")
    taken = consumer("one").take(lanes=("backlog",), limit=2)
    client.xdel(keys.stream("backlog"), *(entry.id for entry in taken))
    client.xdel(keys.stream("backlog"), client.xrange(keys.stream("backlog"))[0][0])

    status = read_status(client, keys)

    assert (status["waiting"]["backlog"], status["in_flight"]) == (0, 2)


def test_a_lane_that_nobody_has_read_from_waits_whole(client, keys, send):
    send("a", lane="backlog")

    status = read_status(client, keys)

    assert (status["waiting"], status["in_flight"]) == ({"live": 0, "retry": 0, "backlog": 1}, 0)
