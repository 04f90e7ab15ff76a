"""The Tab key, in the real shells that are here."""

import os
import pty
import shutil
import subprocess
import sys

import pytest

from tests.waiting import wait_until

# What `complete -F` does when somebody presses Tab behind the words.
BASH = """
eval "$(lookalike completion bash)"
COMP_WORDS=({words} {incomplete}) COMP_CWORD={count}
$(complete -p lookalike | sed 's/.*-F \\([^ ]*\\).*/\\1/') lookalike '{incomplete}' ''
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


class Shell:
    """A shell that has the command `lookalike`; with RAN set it only notes what it was to run."""

    def __init__(self, environment, folder):
        program = folder / "bin" / "lookalike"
        program.parent.mkdir()
        program.write_text(
            f"""#!/bin/sh
            if [ "$RAN" ] && [ -z "$_LOOKALIKE_COMPLETE" ]; then echo "$@" > new && mv new "$RAN"; exit; fi
            exec "{sys.executable}" -P -m worker "$@"
            """
        )
        program.chmod(0o755)
        self._options = {
            "cwd": folder,
            "env": {**environment, "PATH": f"{program.parent}:{environment['PATH']}", "TERM": "dumb"},
        }

    def start(self, *words, **options):
        return subprocess.Popen(words, **self._options, **options)

    def run(self, name, script):
        return subprocess.run(
            [name, "-c", script], **self._options, capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture
def shell(command, tmp_path):
    return Shell(command.environment, tmp_path)


@pytest.mark.parametrize(
    ("words", "incomplete", "completed"),
    [
        (["lookalike"], "enq", ["enqueue"]),
        (["lookalike"], "cl", ["clusters"]),
        (["lookalike", "enqueue"], "--che", ["--checkpoint"]),
        (["lookalike", "enqueue", "--lane"], "", ["live", "backlog"]),
        (["lookalike", "enqueue", "--format"], "p", ["parquet"]),
        (["lookalike", "failures", "--reason"], "ht", ["http_status"]),
        (["lookalike", "clusters"], "sh", ["show"]),
        (["lookalike", "completion"], "", ["bash", "zsh", "fish"]),
        (["lookalike", "nonsense"], "x", [""]),
    ],
)
def test_bash_completes(words, incomplete, completed, shell):
    script = BASH.format(words=" ".join(words), incomplete=incomplete, count=len(words))

    done = shell.run("bash", script)

    assert (done.stdout.splitlines(), done.stderr) == (completed, "")


def test_a_line_is_completed_as_it_is_typed(shell, tmp_path):
    (tmp_path / "feeds.txt").touch()
    keyboard, terminal = pty.openpty()
    ran = tmp_path / "ran"
    with shell.start("bash", "--norc", "-i", stdin=terminal, stdout=terminal, stderr=terminal) as bash:
        os.write(keyboard, b'eval "$(lookalike completion bash)"; export RAN=ran\n')
        os.write(keyboard, b"lookalike enq\t--che\tdone fee\t\nexit\n")
        wait_until(ran.exists, what="the line to be run")
        bash.kill()
    os.close(keyboard)
    os.close(terminal)

    assert ran.read_text() == "enqueue --checkpoint done feeds.txt\n"


@pytest.mark.parametrize(
    ("name", "script"),
    [
        (
            "zsh",
            (
                'autoload -U compinit; compinit -u -D; eval "$(lookalike completion zsh)"; '
                'echo "${_comps[lookalike]:+registered}"'
            ),
        ),
        ("fish", "lookalike completion fish | source; complete --do-complete 'lookalike enq' | cut -f1"),
    ],
)
def test_other_shells_complete(name, script, shell):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not here")

    done = shell.run(name, script)

    assert (done.stdout.strip(), done.stderr) == ({"zsh": "registered", "fish": "enqueue"}[name], "")
