"""The door for programs that already speak Celery: what the task `lookalike.enqueue` does.

    app.send_task("lookalike.enqueue", ["https://example.org/a.jpg"], queue="lookalike.default")

Until a worker has run the task the image is Celery's to keep; from then on it is accepted like any other.
"""

from typing import Any

from producer.messages import build_message
from producer.names import OpenLane
from producer.queue import Producer


def enqueue_image(producer: Producer, url: str, *, lane: OpenLane = "live", **fields: Any) -> str:  # noqa: ANN401 - checked
    """Append one image and give its id; `fields` are those of the contract.

    Raises:
        InvalidMessageError: A value breaks the contract; running the task again will not help.
        ValueError: There is no such lane for producers.
        NotAcceptedError: The server is away or full; running the task again later may help.
    """
    message = build_message(url=url, **fields)
    producer.append([message], lane=lane)
    return message.image_id
