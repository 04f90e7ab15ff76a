"""What `--help` says of each command: examples that can be typed, and what the exit status means."""

import os
import re
import shlex

import click
import pytest

from worker.cli import lookalike
from worker.manual import commands

COMMANDS = dict(commands(("lookalike",), lookalike))
STARTS = {words: command for words, command in COMMANDS.items() if len(words) > 1}


def examples(command):
    """Give the words behind each `lookalike` of the examples, as a shell would hand them over."""
    block = re.search(r"Examples:\n((?:  .*\n?)+)", command.epilog or "")
    for line in block[1].splitlines() if block else ():
        words = shlex.split(line.replace("$(", " ").replace(")", " "), comments=True)
        while "lookalike" in words:
            words = words[words.index("lookalike") + 1 :]
            end = next((at for at, word in enumerate(words) if word in ("|", ">", ";", "&&")), len(words))
            yield words[:end]


@pytest.mark.parametrize("words", STARTS, ids=" ".join)
def test_every_command_has_examples_that_parse(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pictures").mkdir()
    lines = list(examples(STARTS[words]))

    for line in lines:
        depth = max(depth for depth in range(len(line) + 1) if ("lookalike", *line[:depth]) in COMMANDS)
        arguments = [word.replace("~", str(tmp_path)) for word in line[depth:]]
        COMMANDS["lookalike", *line[:depth]].make_context(
            "lookalike", arguments, **lookalike.context_settings
        )  # a mistake is an error

    assert any(line[: len(words) - 1] == list(words[1:]) for line in lines), lines


@pytest.mark.parametrize("words", STARTS, ids=" ".join)
def test_every_command_tells_its_exit_statuses(words):
    told = (STARTS[words].epilog or "").partition("Exit status:")[2]

    assert {0, 2} <= {int(number) for number in re.findall(r"\b(\d+) ", told)}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_help_fits_a_terminal(words):
    with click.Context(
        COMMANDS[words], info_name=" ".join(words), terminal_width=80, **lookalike.context_settings
    ) as context:
        lines = COMMANDS[words].get_help(context).splitlines()

    assert max(map(len, lines)) <= 110, os.linesep.join(line for line in lines if len(line) > 110)
