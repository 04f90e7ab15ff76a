"""The yardsticks: processes that only download and hash, or only hash, with nothing of the service."""

import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import imagehash
import requests
from PIL import Image


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one system took."""

    images: int
    wall_s: float
    cpu_s: float


def run_bare(urls: Sequence[str], *, processes: int) -> Run:
    """Download and hash with one `requests.Session` a process."""
    return _run(urls, processes=processes, work=_download_and_hash)


def run_hash_only(paths: Sequence[Path], *, processes: int) -> Run:
    """Decode and hash files that are in memory already: the floor of the CPU."""
    return _run([str(path) for path in paths], processes=processes, work=_hash_files)


def bare_latency_s(urls: Sequence[str]) -> list[float]:
    """Time one download and hash after the other, in this process."""
    took = []
    with requests.Session() as session:
        for url in urls:
            began = time.perf_counter()
            _hash(session.get(url, timeout=10).content)
            took.append(time.perf_counter() - began)
    return took


def _hash(body: bytes) -> imagehash.ImageHash:
    return imagehash.phash(Image.open(BytesIO(body)).convert("RGBA"))


def _download_and_hash(urls: Sequence[str], start: Callable[[], None]) -> None:
    with requests.Session() as session:
        _hash(session.get(urls[0], timeout=10).content)
        start()
        for url in urls:
            _hash(session.get(url, timeout=10).content)


def _hash_files(paths: Sequence[str], start: Callable[[], None]) -> None:
    bodies = [Path(path).read_bytes() for path in paths]
    _hash(bodies[0])
    start()
    for body in bodies:
        _hash(body)


def _run(items: Sequence[str], *, processes: int, work: Callable[..., None]) -> Run:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    pipes = []
    for number in range(processes):
        ours, theirs = context.Pipe()
        context.Process(target=_child, args=(theirs, barrier, work, items[number::processes])).start()
        pipes.append(ours)
    times = [pipe.recv() for pipe in pipes]
    wall_s = max(ended for _, ended, _ in times) - min(began for began, _, _ in times)
    return Run(len(items), wall_s, sum(cpu_s for _, _, cpu_s in times))


def _child(pipe: Connection, barrier: Barrier, work: Callable[..., None], items: Sequence[str]) -> None:
    began: list[tuple[float, float]] = []

    def start() -> None:
        barrier.wait()
        began.append((time.monotonic(), _cpu_s()))

    work(items, start)
    pipe.send((began[0][0], time.monotonic(), _cpu_s() - began[0][1]))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
