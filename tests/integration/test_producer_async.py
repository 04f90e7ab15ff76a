"""The asyncio twin keeps the same promises, and the loop runs on meanwhile."""

import asyncio
import socket
import time

import pytest

from producer import AsyncProducer, InvalidMessageError, ServerUnavailableError, derived_id

URLS = [f"https://example.org/{number}" for number in range(1500)]


def test_tasks_may_share_a_producer(client, keys, server):
    async def send_all():
        async with AsyncProducer(server.url_as("producer"), keys.archive) as producer:
            singles = await asyncio.gather(*(producer.send(url) for url in URLS[:50]))
            return [*singles, *await producer.send_many(URLS[50:])]

    assert asyncio.run(send_all()) == [derived_id(url) for url in URLS]
    assert client.xlen(keys.stream("live")) == len(URLS)


def test_a_restart_of_the_server_costs_no_image(keys, own_server):
    async def send_all():
        async with AsyncProducer(own_server.url_as("producer"), keys.archive) as producer:
            await producer.send(URLS[0])
            own_server.kill()
            restart = asyncio.create_task(asyncio.to_thread(own_server.start))
            ids = await producer.send_many(URLS)
            await restart
            return ids

    assert asyncio.run(send_all()) == [derived_id(url) for url in URLS]


def test_an_outage_and_a_bad_message_tell_what_was_accepted(keys, own_server):
    async def send_all():
        async with AsyncProducer(own_server.url_as("producer"), keys.archive, patience_s=0.1) as producer:
            with pytest.raises(InvalidMessageError, match="names no host") as invalid:
                await producer.send_many([*URLS[:3], "https://"])
            own_server.kill()
            with pytest.raises(ServerUnavailableError, match="not accepted: 1,000"):
                await producer.send_many(URLS)
            return invalid.value.accepted

    assert asyncio.run(send_all()) == [derived_id(url) for url in URLS[:3]]


def test_a_broker_in_trouble_does_not_block_the_loop(client, keys, server):
    async def longest_pause():
        pauses = []

        async def tick():
            while True:
                begun = time.monotonic()
                await asyncio.sleep(0)
                pauses.append(time.monotonic() - begun)

        with socket.create_server(("127.0.0.1", 0)) as silent:
            broker_url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            async with AsyncProducer(
                server.url_as("producer"), keys.archive, broker_url=broker_url
            ) as producer:
                await producer.send(URLS[0])  # loads Celery
                client.delete(keys.wake)
                ticking = asyncio.create_task(tick())
                await producer.send(URLS[1])
                ticking.cancel()
        return max(pauses)

    assert asyncio.run(longest_pause()) < 0.4
