"""Sends wake-ups for one producer, and loads Celery only when there is one to send."""

import threading
from typing import TYPE_CHECKING

from producer.names import Names

if TYPE_CHECKING:
    from celery import Celery


class Waker:
    """Sends wake-ups to one broker; threads may share it."""

    def __init__(self, names: Names, broker_url: str) -> None:
        self._names = names
        self._broker_url = broker_url
        self._app: Celery | None = None
        self._lock = threading.Lock()

    def prepare(self) -> "Celery":
        """Load Celery, which takes 0.2 s: a dry run and `--help` never need it, a live feed before it begins."""
        from producer.wake import make_celery_app  # noqa: PLC0415 - see above

        with self._lock:
            if self._app is None:
                self._app = make_celery_app(self._broker_url, self._names)
            return self._app

    def send(self) -> bool:
        """Send one wake-up within a second or so, and say whether it went out; it never raises."""
        from producer.wake import send_wake_up  # noqa: PLC0415 - see `prepare`

        return send_wake_up(self._names, self.prepare())
