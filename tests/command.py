"""The command `lookalike` as a user has it: a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


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

    def start(self, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
        """Start a verb in a session of its own, as a terminal's foreground group."""
        return subprocess.Popen(
            self.line(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**self.environment, **settings},
            start_new_session=True,
        )

    def line(self, *arguments: str) -> list[str]:
        """Give the arguments of the process."""
        return [sys.executable, "-P", "-m", "worker.cli", *arguments]
