"""Manual pages, one for each command, written from what `--help` says: `make man` puts them into `docs/man`.

In the macros of man(7), which groff and mandoc read. click-man 0.6.0 was looked at: it fills examples and tables up as
if they were prose, and escapes neither a leading dot nor a backslash.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from worker.cli import VERBS, lookalike

_HEADING = re.compile(r"([A-Z][a-z ]+):")
_SECTION = 1


def write_pages(folder: Path) -> list[Path]:
    """Write a page for the command, for each of its verbs and for their own commands."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, page in pages():
        path = folder / f"{name}.{_SECTION}"
        path.write_text(page)
        written.append(path)
    return written


def pages() -> Iterator[tuple[str, str]]:
    """Yield each page with its name."""
    for words, command in commands(("lookalike",), lookalike):
        yield "-".join(words), _page(words, command)


def commands(
    words: tuple[str, ...], command: click.Command
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield a command and all below it, each with the words that one types for it."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=words[-1])
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from commands((*words, name), inner)


def _page(words: tuple[str, ...], command: click.Command) -> str:
    name = "-".join(words)
    given = {**lookalike.context_settings, **command.context_settings}
    context = click.Context(command, info_name=" ".join(words), **given)
    told = command.get_short_help_str(limit=200) if len(words) != 2 else VERBS[words[1]][1]  # noqa: PLR2004 - a verb
    lines = [
        f'.TH {_escape(name).upper()} {_SECTION} "" "Lookalike" "Lookalike"',
        ".SH NAME",
        f"{_escape(name)} \\- {_escape(told[0].lower() + told[1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_escape(context.command_path)}",
        _escape(" ".join(command.collect_usage_pieces(context))),
        ".SH DESCRIPTION",
        *_prose(command.help or ""),
        ".SH OPTIONS",
    ]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            lines += [".TP", f".B {_escape(record[0])}", _mark(record[1])]
    if isinstance(command, click.Group):
        lines += [".SH COMMANDS", *_listed(words, command, context)]
    lines += _sections(command.epilog or "")
    if len(words) == 1:
        lines += [
            ".SH ENVIRONMENT",
            *_prose("`lookalike config` lists every setting, LOOKALIKE_…, with its value."),
        ]
    else:
        lines += [
            ".SH SEE ALSO",
            ", ".join(f"\\fB{_escape(other)}\\fR({_SECTION})" for other in _related(words)),
        ]
    return "\n".join(line for line in lines if line) + "\n"


def _listed(words: tuple[str, ...], command: click.Group, context: click.Context) -> Iterator[str]:
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None:
            told = VERBS[name][1] if len(words) == 1 else inner.get_short_help_str(limit=200)
            yield from (".TP", f"\\fB{_escape('-'.join((*words, name)))}\\fR({_SECTION})", _mark(told))


def _related(words: tuple[str, ...]) -> list[str]:
    return ["-".join(words[:length]) for length in range(1, len(words))]


def _sections(epilog: str) -> Iterator[str]:
    """Turn an epilog's headed blocks into sections; what stands outside of them is prose."""
    for block in _blocks(epilog):
        first, *rest = block
        heading = _HEADING.fullmatch(first)
        if heading is None:
            yield ".PP"
            yield _mark(" ".join(line.strip() for line in block))
            continue
        yield f".SH {heading[1].upper()}"
        yield ".nf"
        yield from (_escape(line.removeprefix("  ")) for line in rest)
        yield ".fi"


def _prose(text: str) -> Iterator[str]:
    for index, block in enumerate(_blocks(text)):
        if index:
            yield ".PP"
        yield _mark(" ".join(line.strip() for line in block))


def _blocks(text: str) -> Iterator[list[str]]:
    """Give the lines of each paragraph, without click's marks."""
    for block in re.split(r"\n\s*\n", text.replace("\b\n", "").replace("\b", "")):
        lines = [line.rstrip() for line in block.splitlines() if line.strip()]
        if lines:
            yield lines


def _mark(text: str) -> str:
    """Escape prose, with what stands in backticks in bold."""
    return re.sub(r"`([^`]+)`", r"\\fB\1\\fR", _escape(text))


def _escape(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("…", "...")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
