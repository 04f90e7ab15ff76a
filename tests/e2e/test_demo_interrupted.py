"""The demo, stopped with Ctrl-C at any moment, leaves nothing behind."""

import contextlib
import random
import signal
import subprocess

import pytest

_random = random.Random(2012)
MOMENTS_S = [round(_random.uniform(0.05, 3), 2) for _ in range(10)]


@pytest.mark.parametrize("moment_s", MOMENTS_S)
def test_ctrl_c_leaves_no_process_and_no_file(command, moment_s):
    with command.running("demo") as run:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.process.wait(moment_s)
        status = run.process.poll() if run.process.poll() is not None else run.interrupt()

        # 0: it was done; SIGINT: Python itself was still starting.
        assert status in (130, 0, -signal.SIGINT), run.err
        assert (run.processes(), run.files()) == ([], []), run.err
