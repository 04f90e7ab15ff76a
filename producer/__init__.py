"""Puts images to look at onto the service's streams: `from producer import Producer`."""

from producer.aio import AsyncProducer
from producer.errors import (
    ArchiveFullError,
    InvalidMessageError,
    NotAcceptedError,
    ProducerError,
    ServerRefusedError,
    ServerUnavailableError,
)
from producer.messages import ImageMessage, derived_id
from producer.queue import Producer

__all__ = [
    "ArchiveFullError",
    "AsyncProducer",
    "ImageMessage",
    "InvalidMessageError",
    "NotAcceptedError",
    "Producer",
    "ProducerError",
    "ServerRefusedError",
    "ServerUnavailableError",
    "derived_id",
]
