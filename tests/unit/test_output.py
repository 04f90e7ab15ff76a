"""How verbs speak."""

import json

from worker.commands.output import print_long_json, print_row


def test_a_long_list_is_printed_as_the_same_object(capsys):
    row = {"phash": "81d07fffe0611a85", "images": 3}

    print_long_json(row, name="urls", values=iter(["a", "ü", '"']))
    print_long_json(row, name="urls", values=iter([]))

    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == {**row, "urls": ["a", "ü", '"']}
    assert json.loads(second) == {**row, "urls": []}


def test_what_strangers_wrote_cannot_command_the_terminal(capsys):
    print_row("https://example.org/\x1b[2J\x9b31m\r\u202egpj.exe")

    assert capsys.readouterr().out == "https://example.org/\ufffd[2J\ufffd31m\ufffd\ufffdgpj.exe\n"
