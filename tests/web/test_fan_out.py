"""Alerts reach everybody that follows: a hundred at once, over reconnects, beside some that do not read."""

import asyncio
import json
import re
import time

import pytest
from redis.asyncio import Redis

from tests.web_site import ROOT
from worker.web.fan_out import KEEP, FanOut
from worker.web.pages.live import MOST

CLIENTS = 100
ALERTS = 2000
RATE = 200
PADDING = "x" * 1500


def _publish(client, keys, number):
    client.xadd(keys.alerts, {"event": json.dumps({"id": number, "data": PADDING})})


async def _follow(fan_out, after, *, until):
    found = []
    async for page in fan_out.follow(after):
        found += [alert.data["id"] for alert in page]
        if found and found[-1] >= until:
            return found
    return found


def _run(server, keys, steps):
    """Run `steps` with a reader of the stream."""

    async def main():
        fan_out = FanOut(Redis.from_url(server.url), stream=keys.alerts)
        fan_out.start()
        try:
            async with asyncio.timeout(60):
                return await steps(fan_out)
        finally:
            await fan_out.close()

    return asyncio.run(main())


@pytest.mark.parametrize("after", ["0", "0-0"])
def test_who_comes_late_gets_everything_from_its_position(server, client, keys, after):
    for number in range(KEEP + 700):
        _publish(client, keys, number)

    found = _run(server, keys, lambda fan_out: _follow(fan_out, after, until=KEEP + 699))

    assert found == list(range(KEEP + 700))


def test_who_falls_behind_what_is_kept_misses_nothing(server, client, keys):
    _publish(client, keys, 0)

    async def steps(fan_out):
        slow = fan_out.follow("0")
        found = [alert.data["id"] for alert in await anext(slow)]
        for number in range(1, KEEP * 2):
            _publish(client, keys, number)
        fast = await _follow(fan_out, "0", until=KEEP * 2 - 1)
        while found[-1] < KEEP * 2 - 1:
            found += [alert.data["id"] for alert in await anext(slow)]
        await slow.aclose()
        return fast, found

    fast, found = _run(server, keys, steps)

    assert fast == found == list(range(KEEP * 2))


def test_a_server_that_lost_alerts_is_followed_from_what_it_has(server, client, keys):
    async def first_page(fan_out):
        follower = fan_out.follow("0")
        page = await anext(follower)
        await follower.aclose()
        return [alert.data["id"] for alert in page]

    async def steps(fan_out):
        _publish(client, keys, 1)
        assert await first_page(fan_out) == [1]
        client.delete(keys.alerts)
        client.xadd(keys.alerts, {"event": '{"id": 2}'}, id="5-1")
        while (found := await first_page(fan_out)) != [2]:
            assert found == [1]
        return found

    assert _run(server, keys, steps) == [2]


async def _read(url, *, ids, done, reconnect_each):
    """Follow over HTTP as a browser does; leave and come back after so many alerts."""
    host, port = re.fullmatch(r"http://([^:]+):(\d+)", url).groups()
    last = "0-0"
    while len(ids) < ALERTS:
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
        writer.write(
            f"GET /v1/alerts/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: {last}\r\n\r\n".encode()
        )
        read_here = 0
        while len(ids) < ALERTS and read_here < reconnect_each:
            line = (await reader.readline()).decode()
            if line.startswith("id: "):
                last = line[4:].strip()
            elif line.startswith("data: "):
                ids.append((json.loads(line[6:])["id"], time.time()))
                read_here += 1
        writer.close()
    done.append(time.time())


async def _read_ids(url, path, *, until):
    """Give the ids of the events up to one of them, and when each came."""
    host, port = re.fullmatch(r"http://([^:]+):(\d+)", url).groups()
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    found = {}
    while until not in found:
        line = (await reader.readline()).decode()
        assert line, "the answer ended"
        if line.startswith("id: "):
            found[line[4:].strip()] = time.time()
    writer.close()
    return found


def test_who_comes_back_late_holds_up_nobody(site, wait):
    """The page gives the latest alerts, the API all of them, however old the position; others get theirs at once."""
    stream = "{late}:alerts"
    event = json.dumps(json.loads((ROOT / "tests" / "contract" / "alert.json").read_text()))
    pipe = site.client.pipeline(transaction=False)
    for _ in range(KEEP + 500):
        pipe.xadd(stream, {"event": event})
    old = [entry_id.decode() for entry_id in pipe.execute()]
    web = site.start_web(wait, LOOKALIKE_ARCHIVE="late")

    async def main():
        end = f"{2**45}-1"
        late = [
            asyncio.create_task(_read_ids(web.url, f"{path}?after=0-0", until=end))
            for path in ("/live/events", *["/v1/alerts/stream"] * 5)
        ]
        live = asyncio.create_task(_read_ids(web.url, f"/v1/alerts/stream?after={old[-1]}", until=end))
        client, sent_at = Redis.from_url(site.server.url), {}
        for _ in range(30):
            entry_id = (await client.xadd(stream, {"event": event})).decode()
            sent_at[entry_id] = time.time()
            await asyncio.sleep(0.02)
        await client.xadd(stream, {"event": event}, id=end)
        await client.aclose()
        return await asyncio.gather(*late), await live, sent_at

    (page, *api), live, sent_at = asyncio.run(main())

    everything = [*old, *sent_at, f"{2**45}-1"]
    assert [list(found) for found in api] == [everything] * 5
    assert MOST < len(page) <= MOST + len(sent_at) + 1
    assert list(page) == everything[-len(page) :]
    assert list(live) == everything[len(old) :]
    assert max(live[entry_id] - at for entry_id, at in sent_at.items()) < 3


async def _stall(url):
    """Ask for everything and read nothing."""
    host, port = re.fullmatch(r"http://([^:]+):(\d+)", url).groups()
    _, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(b"GET /v1/alerts/stream?after=0-0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return writer


@pytest.mark.timeout(180)
def test_a_hundred_clients_lose_none_of_200_alerts_a_second(site, wait):
    """Some reconnect every 300 alerts; ten more never read, and hold up nobody."""
    web = site.start_web(wait, LOOKALIKE_ARCHIVE="crowd")
    stream = "{crowd}:alerts"
    sent_at = {}

    async def publish():
        client = Redis.from_url(site.server.url)
        started = time.monotonic()
        for number in range(ALERTS):
            sent_at[number] = time.time()
            await client.xadd(stream, {"event": json.dumps({"id": number, "data": PADDING})})
            await asyncio.sleep(max(0, started + number / RATE - time.monotonic()))
        await client.aclose()

    async def main():
        found, done = [[] for _ in range(CLIENTS)], []
        stalled = [await _stall(web.url) for _ in range(10)]
        readers = [
            _read(web.url, ids=ids, done=done, reconnect_each=300 if at % 4 == 0 else ALERTS)
            for at, ids in enumerate(found)
        ]
        await asyncio.gather(publish(), *readers)
        for writer in stalled:
            writer.close()
        return found

    found = asyncio.run(main())

    assert [[number for number, _ in ids] for ids in found] == [list(range(ALERTS))] * CLIENTS
    delays = sorted(at - sent_at[number] for ids in found for number, at in ids)
    # Seconds on a busy machine; who never reads would hold up the others for ever.
    assert delays[len(delays) * 99 // 100] < 30
