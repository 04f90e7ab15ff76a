"""`lookalike web`: the page and the HTTP API."""

import logging
import os
import signal
import socket

import click

from worker.commands.output import exit_statuses, note
from worker.commands.session import find_settings
from worker.errors import ServiceError
from worker.processes import end_with_starter

GRACE_S = 2


@click.command(
    epilog=f"""\b
Examples:
  lookalike web
  lookalike web --port 9000
  LOOKALIKE_API_TOKENS_FILE=tokens lookalike web --host 0.0.0.0

{exit_statuses({0: "stopped by SIGTERM", 69: "the port is taken", 78: "a setting forbids it, or no tokens"})}"""
)
@click.option("--host", help="Address to listen on.  [default: LOOKALIKE_WEB_HOST, 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on.  [default: LOOKALIKE_WEB_PORT, 8077]"
)
@click.option("--with-starter", "starter", type=int, hidden=True)
def web(host: str | None, port: int | None, starter: int | None) -> None:
    """Serve the page and the API /v1 until stopped; only to this machine, unless there are tokens."""
    import uvicorn  # noqa: PLC0415 - an extra, and 0.1 s

    from worker.web.app import make_app  # noqa: PLC0415 - an extra, and 0.5 s
    from worker.web.protocol import Protocol  # noqa: PLC0415 - as above

    if starter is not None:
        end_with_starter(starter)
    found = find_settings()
    changes = {name: value for name, value in (("web_host", host), ("web_port", port)) if value is not None}
    settings = found.model_copy(update=changes)
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # "Started server process" and the like come from it at a level that everything else tells more with.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    app = make_app(settings)
    listener = _listen(settings.web_host, settings.web_port)
    name = f"[{settings.web_host}]" if ":" in settings.web_host else settings.web_host
    config = uvicorn.Config(
        app,
        http=Protocol,
        # URLs that are searched for would stand in it, with their secrets.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    # uvicorn ends in good order, and then raises the signal once more.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    note(f"the page is at http://{name}:{listener.getsockname()[1]}/")
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Open the port, so that it can be told before the first request.

    Raises:
        ServiceError: Somebody else has it, or the address is none of this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ServiceError(
            f"cannot listen at {host}:{port}: {os.strerror(error.errno or 0)}; LOOKALIKE_WEB_PORT names another port, "
            "0 takes a free one"
        ) from None
    # Connections inherit it; asyncio does it only where a socket names its protocol. Without it the kernel holds back
    # the body of an answer, the second write, until the client acknowledges the head: 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
