"""Looking names up on threads, where the kernel grants none for a moment."""

import threading

from worker.fetching.resolving import Resolver


def test_a_name_is_looked_up_again_after_the_kernel_refused_a_thread(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    resolver = Resolver()
    with monkeypatch.context() as refusing:
        refusing.setattr(threading.Thread, "start", refuse)
        refused = resolver.resolve("127.0.0.1", timeout_s=1)

    found = resolver.resolve("127.0.0.1", timeout_s=5)

    assert (refused.addresses, refused.failure) == ((), "can't start new thread")
    assert found.addresses == ("127.0.0.1",)
