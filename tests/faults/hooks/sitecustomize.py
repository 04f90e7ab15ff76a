# ruff: noqa: PLC0415 - only a process that the hooks are meant for loads what they patch
"""Makes a worker's processes die, or hang, at exact lines: loaded by Python itself where a test puts it on PYTHONPATH.

LOOKALIKE_TEST_KILL_AT  names of steps, separated by commas, each after `before:` or `after:`; each kills one process
LOOKALIKE_TEST_MARKS    folder in which a kill leaves its name, so that it happens once
LOOKALIKE_TEST_POISON   1: an image whose bytes hold POISON:<way> ends the process that decodes it in that way;
                        SLOW takes 2 s
"""

import ctypes
import os
import signal
import sys
from functools import wraps
from pathlib import Path


def _die():
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def _once(name):
    try:
        os.close(os.open(Path(os.environ["LOOKALIKE_TEST_MARKS"]) / name, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _kill_at(owner, method, points):
    function = getattr(owner, method)
    name = f"{owner.__name__.rpartition('.')[2]}.{method}"

    @wraps(function)
    def stepped(*args, **kwargs):
        # A step that has nothing to do is no point of interest.
        is_busy = method in ("submit", "hash", "hash_image", "limit_memory") or any(
            isinstance(arg, list | tuple) and arg for arg in args[1:]
        )
        if is_busy and f"before:{name}" in points and _once(f"before:{name}"):
            _die()
        result = function(*args, **kwargs)
        if is_busy and (method != "take" or result) and f"after:{name}" in points and _once(f"after:{name}"):
            _die()
        return result

    setattr(owner, method, stepped)


def _install_kills(points):
    import worker.limits
    from worker.alerts import Publisher
    from worker.clusters import Clusters
    from worker.decoding import Decoder
    from worker.downloads import Downloads
    from worker.ownership import Ownership
    from worker.remembered import RememberedHashes
    from worker.trials import Trials

    for owner, method in (
        (Ownership, "take"), (Clusters, "known"), (Downloads, "submit"), (Decoder, "hash"), (Clusters, "record"),
        (Clusters, "look_back"), (Publisher, "publish"), (RememberedHashes, "hash_image"), (Trials, "submit"),
        (worker.limits, "limit_memory"),
    ):  # fmt: skip
        _kill_at(owner, method, points)


def _install_poison():
    import worker.hashing

    hash_digested = worker.hashing.hash_digested

    def poisoned(body, digest, **limits):
        at = body.find(b"POISON:")
        way = body[at + 7 : at + 11] if at >= 0 else b""
        if way == b"KILL":
            _die()
        elif way == b"SEGV":
            ctypes.string_at(0)
        elif way == b"HANG":
            if "LOOKALIKE_TEST_MARKS" in os.environ:
                _once("HANG")
            # In C, with the interpreter's lock held: no Python code runs any more, in no thread.
            ctypes.PyDLL(None).sleep(3600)
        elif way == b"SLOW":
            ctypes.PyDLL(None).usleep(2_000_000)
        return hash_digested(body, digest, **limits)

    worker.hashing.hash_digested = poisoned


if "LOOKALIKE_TEST_KILL_AT" in os.environ and "worker" in " ".join(sys.orig_argv):
    _install_kills(os.environ["LOOKALIKE_TEST_KILL_AT"].split(","))
if "LOOKALIKE_TEST_POISON" in os.environ and "worker" in " ".join(sys.orig_argv):
    _install_poison()
