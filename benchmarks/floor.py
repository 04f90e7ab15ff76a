"""Measures the floor under the cost of an image: CPU of its download and of its hash, beside the plain ways.

Downloads from a server of its own in another process. Interleaved rounds, medians, milliseconds of CPU of this process.

    python benchmarks/floor.py --images FOLDER --json
"""

import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path

import click
import imagehash
import numpy as np
import requests
import scipy.fftpack
import urllib3
from PIL import Image

from worker.downloads import Downloads
from worker.fetch import Fetcher, FetchLimits
from worker.hashing import hash_image, warm_up
from worker.phash import compute_phash
from worker.shrinking import shrink

DEMO = Path(__file__).parent.parent / "demo"
LIMITS = FetchLimits(10, 10, 30, 20 * 2**20, 5, (), (ip_network("127.0.0.0/8"),), "lookalike-bench/1")


class Pictures(asyncio.Protocol):
    """A server of pictures, `GET /NUMBER`, as light as can be."""

    def __init__(self, bodies: list[bytes]) -> None:
        self._bodies = bodies
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._waiting += data
        while b"\r\n\r\n" in self._waiting:
            request, _, self._waiting = self._waiting.partition(b"\r\n\r\n")
            body = self._bodies[int(request.split(b" ", 2)[1][1:])]
            head = (
                b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nETag: x\r\nContent-Length: %d\r\n\r\n"
                % len(body)
            )
            self._transport.write(head + body)  # type: ignore[attr-defined]  # a transport of a socket


def serve(bodies: list[bytes], ready: "multiprocessing.Queue[int]") -> None:
    """Serve `bodies` until the process is ended; tell the port."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Pictures(bodies), "127.0.0.1", 0)
        ready.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def download_all(downloads: Downloads, urls: list[str]) -> None:
    """Download `urls` as a worker does."""
    waiting, arrived = list(enumerate(urls)), 0
    while arrived < len(urls):
        while waiting and downloads.room:
            downloads.submit(*waiting.pop(), urgent=False)
        arrived += len(downloads.arrived(limit=16, timeout_s=1))


def plain_hash(body: bytes) -> object:
    """Hash as the documentation of ImageHash does."""
    return imagehash.phash(Image.open(BytesIO(body)).convert("RGBA"))


def steps(bodies: list[bytes]) -> dict[str, float]:
    """Give the CPU of each step of a hash, in milliseconds an image."""
    spent: dict[str, list[float]] = {}

    def timed(step: str, call: Callable[[], object]) -> object:
        begun = time.thread_time()
        result = call()
        spent.setdefault(step, []).append((time.thread_time() - begun) * 1000)
        return result

    for body in bodies:
        image = Image.open(BytesIO(body))
        timed("decode", image.load)
        luma = image.convert("L")
        timed("luma", lambda image=image: image.convert("L"))
        timed("shrink", lambda luma=luma: shrink(luma))
        timed("resize_by_pillow", lambda luma=luma: luma.resize((32, 32), Image.Resampling.LANCZOS))
        small = np.asarray(luma.resize((32, 32), Image.Resampling.LANCZOS))
        timed("dct", lambda small=small: scipy.fftpack.dct(scipy.fftpack.dct(small, axis=0)[:8], axis=1))
        timed("luma_to_hash", lambda image=image: compute_phash(image))
        timed("sha256", lambda body=body: sha256(body).digest())
    return {step: round(statistics.median(times), 3) for step, times in spent.items()}


@click.command()
@click.option("--images", type=click.Path(exists=True, path_type=Path), default=DEMO, show_default=True)
@click.option("--rounds", default=7, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(images: Path, *, rounds: int, as_json: bool) -> None:
    """Measure with the images of a folder."""
    warm_up()
    bodies = [path.read_bytes() for path in sorted(images.iterdir()) if path.suffix != ".csv"]
    ready: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(bodies, ready), daemon=True)
    server.start()
    port = ready.get()
    urls = [f"http://127.0.0.1:{port}/{number}" for number in range(len(bodies))]
    session, pool = requests.Session(), urllib3.PoolManager()
    downloads = Downloads(Fetcher(LIMITS), window=256, window_bytes=2**26, host_concurrency=32)
    systems: dict[str, Callable[[], object]] = {
        "download_with_requests": lambda: [session.get(url, timeout=10).content for url in urls],
        "download_with_urllib3": lambda: [pool.request("GET", url, timeout=10).data for url in urls],
        "download": lambda: download_all(downloads, urls),
        "hash_with_imagehash": lambda: [plain_hash(body) for body in bodies],
        "hash": lambda: [hash_image(body, max_pixels=50_000_000) for body in bodies],
    }
    spent: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, run in systems.items():
            begun = time.process_time()
            run()
            spent[name].append((time.process_time() - begun) * 1000 / len(bodies))
    report = {name: round(statistics.median(times), 3) for name, times in spent.items()} | steps(bodies)
    downloads.close()
    server.terminate()
    print(json.dumps(report) if as_json else json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
