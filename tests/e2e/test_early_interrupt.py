"""Ctrl-C while the command is still loading its modules."""

import pytest

from tests.command import ROOT

INTERRUPT = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise SystemExit('went on')\n"


@pytest.mark.parametrize(
    ("module", "line"),
    [("click", ["--help"]), ("click", ["enqueue", "-"]), ("redis", ["enqueue", "-"]), ("redis", ["status"])],
)
def test_ctrl_c_while_modules_are_loaded_ends_it_without_a_traceback(module, line, command, tmp_path):
    (tmp_path / f"{module}.py").write_text(INTERRUPT)

    done = command.run(*line, status=130, PYTHONPATH=f"{tmp_path}:{ROOT}")

    assert (done.stdout, done.stderr) == ("", "")
