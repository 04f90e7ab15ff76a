import signal
import subprocess
import sys
import textwrap
import time


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_decoder_that_hangs_in_c_ends_its_process():
    begun = time.monotonic()

    ended = run("""
        import re
        from worker.limits import decode_limit

        with decode_limit(0.3):
            re.match("(a+)+$", "a" * 60 + "b")  # C code that holds the GIL for ages
        """)

    assert ended.returncode == -signal.SIGALRM
    assert time.monotonic() - begun < 10


def test_the_limit_of_time_ends_with_the_block():
    ended = run("""
        import time
        from worker.limits import decode_limit

        for _ in range(3):
            with decode_limit(0.2):
                pass
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pass
        """)

    assert ended.returncode == 0, ended.stderr


def test_the_limit_of_time_ends_with_an_error_too():
    ended = run("""
        import signal
        from worker.limits import decode_limit

        try:
            with decode_limit(5):
                raise ValueError
        except ValueError:
            pass
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        """)

    assert ended.returncode == 0, ended.stderr


def test_an_image_that_does_not_fit_into_memory_costs_itself_only():
    ended = run("""
        from io import BytesIO
        from PIL import Image
        from worker.errors import TooLargeError
        from worker.hashing import hash_image, warm_up
        from worker.limits import limit_memory

        small, large = BytesIO(), BytesIO()
        Image.new("RGB", (200, 200)).save(small, "PNG")
        Image.new("RGB", (12_000, 12_000)).save(large, "PNG", compress_level=1)
        warm_up()
        limit_memory(350 * 2**20)
        try:
            hash_image(large.getvalue(), max_pixels=10**9)
        except TooLargeError as error:
            print(type(error).__name__)
        print(hash_image(small.getvalue(), max_pixels=10**9).width)
        """)

    assert ended.stdout.split() == ["TooLargeError", "200"], ended.stderr


def test_a_file_larger_than_the_limit_can_be_mapped(tmp_path):
    path = tmp_path / "index"
    with path.open("wb") as file:
        file.truncate(3 * 2**30)

    ended = run(f"""
        import mmap
        from worker.limits import limit_memory

        limit_memory(300 * 2**20)
        with open({str(path)!r}, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            print(mapped[3 * 2**30 - 1])
        try:
            bytearray(2**30)
        except MemoryError:
            print("refused")
        """)

    assert ended.stdout.split() == ["0", "refused"], ended.stderr


def test_a_whole_window_of_downloads_fits_into_the_memory_of_a_child():
    ended = run("""
        import socket
        from ipaddress import ip_network
        from worker.downloads import Downloads
        from worker.fetch import Fetcher, FetchLimits
        from worker.hashing import warm_up
        from worker.limits import limit_memory

        warm_up()
        limit_memory(256 * 2**20)
        limits = FetchLimits(5, 5, 10, 2**20, 3, (), (ip_network("127.0.0.0/8"),), "test")
        running = Downloads(Fetcher(limits), window=256, window_bytes=2**26, host_concurrency=256)
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            for number in range(256):
                running.submit(number, "http://127.0.0.1:%d/%d" % (listener.getsockname()[1], number), urgent=False)
            connections = [listener.accept()[0] for _ in range(256)]
            for connection in connections:
                connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
            arrivals = []
            while len(arrivals) < 256:
                arrivals += running.arrived(limit=256, timeout_s=5)
            for connection in connections:
                connection.close()
        running.close()
        print(len(arrivals), {one.body for one in arrivals})
        """)

    assert ended.stdout.strip() == "256 {b'ok'}", ended.stderr
