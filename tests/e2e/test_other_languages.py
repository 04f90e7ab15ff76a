"""The programs in docs/contract.md, as they stand there but for the addresses, against a real server and worker."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from role_server import RoleServer

from worker.embedded import IN_MEMORY

PAGE = (Path(__file__).parent.parent.parent / "docs" / "contract.md").read_text()
NODE_MODULES = "LOOKALIKE_TEST_NODE_MODULES"
"""Names a folder that has the package `redis`, for the program that needs it."""

GO = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
"""Debian's packages of libraries are no modules."""


@pytest.fixture
def server():
    """A server that listens where programs expect it: on a port."""
    home = Path(tempfile.mkdtemp(prefix="lookalike-test-"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with RoleServer(home, config={**IN_MEMORY, "bind": "127.0.0.1", "port": str(port)}) as started:
        started.port = port
        yield started
    shutil.rmtree(home)


def block(language, mark):
    (found,) = [
        text
        for text in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        if mark in text
    ]
    return found


def node(folder, mark):
    if shutil.which("node") is None:
        pytest.skip("node is not here")
    (folder / "send.mjs").write_text(block("js", mark))
    return ["node", "send.mjs"]


def node_package(folder):
    if NODE_MODULES not in os.environ:
        pytest.skip(f"{NODE_MODULES} names no folder with the package redis")
    (folder / "node_modules").symlink_to(os.environ[NODE_MODULES])
    return node(folder, 'from "redis"')


def node_sockets(folder):
    return node(folder, 'from "node:net"')


def go(folder):
    if shutil.which("go") is None or not Path(GO["GOPATH"], "src/github.com/gomodule/redigo").is_dir():
        pytest.skip("go and Debian's golang-github-gomodule-redigo-dev are not here")
    (folder / "send.go").write_text(block("go", "redigo"))
    return ["go", "run", "send.go"]


def redis_cli(folder):
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not here")
    (line,) = re.findall(r"^redis-cli XADD .*", PAGE, re.MULTILINE)
    (folder / "send.sh").write_text(line.replace("redis-cli", "redis-cli -p 6379") + "\n")
    return ["sh", "send.sh"]


@pytest.mark.parametrize(
    "prepare", [redis_cli, node_package, node_sockets, go], ids=lambda kind: kind.__name__
)
def test_what_a_program_in_another_language_sends_is_recorded(
    prepare, server, service, demo_images, tmp_path
):
    line = prepare(tmp_path)
    program = tmp_path / line[-1]
    for old, new in (
        ("6379", str(server.port)),
        ("{default}", "{test}"),
        ("https://example.org/a.jpg", f"{demo_images.base_url}astronaut.jpg"),
    ):
        assert old in program.read_text()
        program.write_text(program.read_text().replace(old, new))
    service.start_worker(concurrency=1)

    ran = subprocess.run(
        line,
        cwd=tmp_path,
        env={**os.environ, **GO, "GOCACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )

    assert re.search(r"\d{13}-\d+", ran.stdout), (ran.stdout, ran.stderr)
    assert service.wait_done(images=1).items() >= {"images": 1, "failures": 0}.items()
