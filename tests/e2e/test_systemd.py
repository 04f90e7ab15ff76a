"""The units for systemd: sound, and what they start does its work and ends in time."""

import json
import re
import shutil
import subprocess

import pytest

from tests.deployment import DEPLOY, ROOT, get_status
from tests.waiting import wait_until
from worker.image_server import ImageServer
from worker.settings import PREFIX, Settings

UNITS = DEPLOY / "systemd"
PROGRAM = "/opt/lookalike/bin/lookalike"


def read_unit(name):
    """Give each directive's values, in their order."""
    found = {}
    for line in (UNITS / f"lookalike-{name}.service").read_text().splitlines():
        directive, mark, value = line.partition("=")
        if mark and not line.startswith("#"):
            found.setdefault(directive, []).append(value)
    return found


def settings_of(text):
    """Give the variables of an environment file."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


class Systemd:
    """Starts units as systemd would, without its walls."""

    def __init__(self, deployment, home):
        self._deployment = deployment
        self._folders = {"%S": home / "state", "%C": home / "cache", "%d": home / "secrets"}
        self._program = str(home / "bin" / "lookalike")

    def start(self, name, **settings):
        unit = read_unit(name)
        (file,) = unit["EnvironmentFile"]
        text = (UNITS / file.rpartition("/")[2]).read_text()
        url = self._deployment.url({"worker": "worker", "page": "page"}[name])
        given = settings_of(re.sub(r"redis://.*", url, text))
        for words in unit["Environment"]:
            given |= dict(word.split("=", 1) for word in words.split())
        for specifier, folder in self._folders.items():
            given = {variable: value.replace(specifier, str(folder)) for variable, value in given.items()}
        (command,) = unit["ExecStart"]
        return self._deployment.start(
            command.replace(PROGRAM, self._program).split(),
            {**given, "LOOKALIKE_ALLOW_NETWORKS": "127.0.0.0/8", **settings},
        )


@pytest.mark.parametrize("name", ["worker", "page"])
def test_each_unit_is_one_that_systemd_understands(name, tmp_path):
    systemd = shutil.which("systemd-analyze") or pytest.skip("needs systemd-analyze")
    unit = tmp_path / f"lookalike-{name}.service"
    unit.write_text((UNITS / unit.name).read_text().replace(PROGRAM, shutil.which("true")))

    done = subprocess.run([systemd, "verify", "--man=no", unit], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["worker", "page"])
def test_the_files_of_settings_name_settings_and_hold_no_password(name):
    text = (UNITS / f"{name}.env").read_text()
    named = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)

    assert {variable.removeprefix(PREFIX).lower() for variable in named} <= set(Settings.model_fields)
    assert settings_of(text)["LOOKALIKE_REDIS_URL"].startswith(f"redis://{name}:PASSWORD@")


def test_the_units_start_a_worker_and_a_page_that_end_in_time(deployment, tmp_path):
    systemd = Systemd(deployment, tmp_path)
    port = deployment.find_port()
    sender = {"Authorization": f"Bearer {deployment.token}", "Content-Type": "application/json"}
    counters = "{default}:counters"
    worker, page = systemd.start("worker"), systemd.start("page", LOOKALIKE_WEB_PORT=str(port))
    with ImageServer(ROOT / "demo") as images:
        image = json.dumps({"url": images.url(next((ROOT / "demo").glob("*.jpg")))}).encode()
        wait_until(
            lambda: get_status(port, "/v1/images", body=image, headers=sender) == 202,
            timeout_s=40,
            what="the page",
        )
        wait_until(
            lambda: deployment.client("admin").hget(counters, "images") == b"1", timeout_s=40, what="an image"
        )

    stranger = get_status(port, "/v1/stats")
    for process in (worker, page):
        process.terminate()
    ended = [
        process.wait(int(read_unit(name)["TimeoutStopSec"][0]))
        for name, process in (("worker", worker), ("page", page))
    ]

    assert stranger == 401
    assert ended == [0, 0]
    assert list((tmp_path / "state" / "lookalike").iterdir())
    assert deployment.client("admin").acl_log() == []
