"""`lookalike archive`: which archive this is, and which one this machine knew here."""

from pathlib import Path

import click

from producer.server import DATA_FOLDER, connect
from worker.archive import KnownArchives, find_archive, read_archive, server_name
from worker.commands.output import exit_statuses, json_option, note, print_json, print_row
from worker.commands.session import embedded_settings, find_settings, is_server_given, open_session
from worker.settings import Settings, load_settings

SHOWN = ("uuid", "recipe", "schema", "created_at")


@click.group(
    invoke_without_command=True,
    epilog=f"""\b
Examples:
  lookalike archive
  lookalike archive new

{exit_statuses()}""",
)
@json_option
@click.pass_context
def archive(context: click.Context, *, as_json: bool) -> None:
    """Show the archive: its name and server, its uuid, the recipe of its hashes, when it was made."""
    if context.invoked_subcommand is not None:
        return
    settings, client, keys = open_session()
    find_archive(client, keys=keys)
    facts = read_archive(client, keys)
    server = server_name(client)
    remembered = KnownArchives(settings.state_dir).recall(server, keys.archive)
    told = {"archive": keys.archive, "server": server, **{name: facts[name] for name in SHOWN}}
    if as_json:
        print_json(told)
    else:
        for name, value in told.items():
            print_row(f"{name:>12}  {value}")
    if remembered and remembered != facts["uuid"]:
        note(f"this machine knew {remembered} here: workers refuse to start until `lookalike archive new`")


@archive.command(
    epilog=f"""\b
Examples:
  lookalike archive new

{exit_statuses()}"""
)
def new() -> None:
    """Accept another archive: the next worker that starts here takes the one on the server, or makes one.

    Run it after the server was emptied or replaced on purpose, on each machine that runs workers. It changes nothing
    on the server: this machine forgets which archive it knew there (LOOKALIKE_STATE_DIR).
    """
    settings = _find_settings()
    known = KnownArchives(settings.state_dir)
    server = server_name(connect(settings.redis_url.get_secret_value()))
    remembered = known.recall(server, settings.archive)
    known.forget(server, settings.archive)
    note(
        f"archive {settings.archive!r} at {server} was {remembered}; the next worker that starts accepts another one"
        if remembered
        else f"no archive {settings.archive!r} at {server} is remembered: a worker accepts any"
    )


def _find_settings() -> Settings:
    """Give the settings of the server that is meant, though it may not run: `up` ends where it must not start."""
    folder = Path(DATA_FOLDER)
    if is_server_given() or not folder.is_dir():
        return find_settings()
    return load_settings(**embedded_settings(folder))
