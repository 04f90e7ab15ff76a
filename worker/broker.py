"""How a worker connects to Celery's broker: it tries again within seconds, however long the broker was away."""

from typing import Any

from kombu.connection import Connection

FIRST_WAIT_S = 0.2
STEP_S = 0.4
LONGEST_WAIT_S = 5.0


class BrokerConnection(Connection):
    """kombu's connection; by itself it waits 2, 4, 6 … 32 s, in which nobody can be woken, and takes no setting."""

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on as they are
        waits = {"interval_start": FIRST_WAIT_S, "interval_step": STEP_S, "interval_max": LONGEST_WAIT_S}
        return super()._ensure_connection(*args, **{**options, **waits})  # type: ignore[no-untyped-call]  # kombu has few types
