"""The options `--since` and `--until` of verbs that take a period."""

from collections.abc import Callable

import click

from worker.reading.moments import parse_since, parse_until

Parse = Callable[[str], int]


def _callback(parse: Parse) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    def read(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return read


since_option = click.option(
    "--since",
    "since_ms",
    metavar="DATE",
    callback=_callback(parse_since),
    help="Only images seen from then on.",
)
until_option = click.option(
    "--until",
    "until_ms",
    metavar="DATE",
    callback=_callback(parse_until),
    help="Only images seen before then; a date without a time includes that day.",
)
