"""`lookalike config`: every setting, its value, and where that comes from."""

import os
from typing import Any

import click

from producer.server import show_url
from worker.commands.output import exit_statuses, json_option, print_json, print_row
from worker.commands.session import find_settings, folder_settings
from worker.settings import PREFIX, Settings


@click.command(
    epilog=f"""\b
Examples:
  lookalike config
  lookalike config --json | jq -r 'select(.origin != "default") | .setting'

{exit_statuses({69: "", 78: "a setting is out of its range"})}"""
)
@json_option
def config(*, as_json: bool) -> None:
    """Show every setting with its value and where that comes from: environment, this folder, default.

    Of URLs neither user nor password is shown. No server is asked.
    """
    settings = find_settings()
    by_folder = folder_settings()
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name.upper()}"
        origin = "this folder" if name in by_folder else "default"
        if os.environ.get(variable):
            origin = "environment"
        row = {"setting": variable, "value": _show(settings, name), "origin": origin}
        if as_json:
            print_json(row)
        else:
            print_row(f"{variable:<29} {row['value']!s:<40} {origin}".rstrip())


def _show(settings: Settings, name: str) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if name == "redis_url":
        return show_url(settings.redis_url.get_secret_value())
    if name == "broker_url":
        return show_url(settings.broker)
    value = getattr(settings, name)
    if isinstance(value, tuple):
        return (":" if name == "file_roots" else ",").join(str(part) for part in value)
    return value if isinstance(value, str | int | float) else str(value)
