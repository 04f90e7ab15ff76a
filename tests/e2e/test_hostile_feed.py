"""A feed of strangers' URLs through a real worker: each ends with its own reason, and no secret is told."""

import socket
import struct
from pathlib import Path

from producer import Producer
from tests.scripted_host import ScriptedHost, answer

DEMO = Path(__file__).parent.parent.parent / "demo"
SECRETS = (b"SECRET", b"sesame", b"alibaba")


def reset(connection: socket.socket, _request: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_a_hostile_feed_ends_in_reasons_and_tells_no_secret(service):
    image = (DEMO / "rocket.jpg").read_bytes()
    canary = ScriptedHost(answer(b"intranet"), address="127.0.0.2")
    responses = {
        "http_status": answer(b"SECRET", status=404, headers=("X: SECRET",)),
        "not_an_image": answer(b"<html>SECRET</html>"),
        "broken_image": answer(image[:9000]),
        "empty_body": answer(b""),
        "too_large": answer(b"", length=10**12),
        "refused_address": answer(b"", status=302, headers=(f"Location: {canary.url}/?token=SECRET",)),
        "refused_scheme": answer(b"", status=302, headers=("Location: file:///etc/passwd?token=SECRET",)),
        "too_many_redirects": answer(b"", status=302, headers=("Location: ?token=SECRET",)),
        "unreachable": b"SECRET is no HTTP\r\n\r\n",
    }

    def script(connection: socket.socket, request: bytes) -> None:
        name = request.split()[1].decode().strip("/").partition("?")[0]
        if name == "timed_out":
            host.stop.wait()
        elif name == "reset":
            reset(connection, request)
        else:
            connection.sendall(answer(image) if name == "good" else responses[name])

    with canary, ScriptedHost(script) as host:
        names = ["good", *responses, "reset", "timed_out"]
        base = host.url.replace("//", "//alibaba:sesame@")
        urls = [f"{base}/{name}?token=SECRET#SECRET" for name in names]
        with Producer(service.server.url_as("producer"), archive="test") as producer:
            producer.send_many([{"url": url, "id": name} for url, name in zip(urls, names, strict=True)])
        worker = service.start_worker(
            LOOKALIKE_ALLOW_NETWORKS="127.0.0.1/32",
            LOOKALIKE_READ_TIMEOUT="1",
            LOOKALIKE_CONNECT_TIMEOUT="1",
            LOOKALIKE_RETRY_FOR="0",
        )
        stats = service.wait_done(images=len(names))
        command_line = Path(f"/proc/{worker.pid}/cmdline").read_bytes()

    failures = {fields[b"id"].decode(): fields for _, fields in service.client.xrange(service.keys.failures)}
    assert stats["images"] == 1
    assert {name: fields[b"reason"].decode() for name, fields in failures.items()} == {
        **{name: name for name in responses},
        "reset": "unreachable",
        "timed_out": "timed_out",
    }
    assert canary.connections == 0
    told = service.log.read_bytes() + command_line + b"".join(f[b"detail"] for f in failures.values())
    assert [secret for secret in SECRETS if secret in told] == []
    assert all(b"token=SECRET" in fields[b"url"] for fields in failures.values())
