"""The command `lookalike` as a user has it: a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).parent.parent
MARK = "LOOKALIKE_TEST_MARK"
"""A variable in the environment of a run: what the run starts inherits it."""


class Command:
    """The command `lookalike` with the settings of one service, in a folder of its own."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            **settings,
        }

    def run(
        self, *arguments: str, status: int = 0, stdin: bytes = b"", **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end; fail where it ends with another status."""
        ended = subprocess.run(
            self.line(*arguments),
            capture_output=True,
            input=stdin,
            check=False,
            timeout=60,
            cwd=self.folder,
            env={**self.environment, **settings},
        )
        told = subprocess.CompletedProcess(
            ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
        )
        assert told.returncode == status, told.stderr
        assert "Traceback" not in told.stderr, told.stderr
        return told

    def rows(self, *arguments: str, status: int = 0, **settings: str) -> list[dict[str, Any]]:
        """Run a verb with --json and give its objects."""
        return [
            json.loads(line)
            for line in self.run(*arguments, "--json", status=status, **settings).stdout.splitlines()
        ]

    @contextmanager
    def running(self, *arguments: str, **settings: str) -> Iterator["Running"]:
        """Start a verb, as the foreground group of a terminal of its own; kill what is left of it at the end."""
        mark = uuid4().hex
        # Short, since the path of a unix socket is: pytest's folders are not.
        home = Path(tempfile.mkdtemp(prefix="run-"))
        (home / "tmp").mkdir()
        environment = {**self.environment, "TMPDIR": str(home / "tmp"), **settings, MARK: mark}
        with (home / "out").open("wb") as out, (home / "err").open("wb") as err:
            process = subprocess.Popen(
                self.line(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )
        run = Running(process, home, mark)
        try:
            yield run
        finally:
            for pid in run.processes():
                os.kill(pid, signal.SIGKILL)
            process.wait()
            shutil.rmtree(home)

    def line(self, *arguments: str) -> list[str]:
        """Give the arguments of the process."""
        return [sys.executable, "-P", "-m", "worker", *arguments]


class Running:
    """A verb that runs; its output goes to files, and whatever it starts bears its mark."""

    def __init__(self, process: "subprocess.Popen[bytes]", home: Path, mark: str) -> None:
        self.process = process
        self._home = home
        self._mark = f"{MARK}={mark}".encode()

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return (self._home / "out").read_text()

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return (self._home / "err").read_text()

    def interrupt(self, number: int = signal.SIGINT) -> int:
        """Send a signal to the foreground group, as a terminal does, and give the exit status."""
        os.killpg(self.process.pid, number)
        return self.process.wait(30)

    def processes(self) -> list[int]:
        """List all living processes that it has started, itself included."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def files(self) -> list[Path]:
        """List what it has left in its folder of temporary files."""
        return list((self._home / "tmp").iterdir())
