"""What can go wrong with one image, and what the caller should do about it.

The class says what to do, `reason` names the case in the closed list that `failures` uses, `detail` is one sentence
for people in which every URL is redacted.
"""

from typing import ClassVar

REASONS = (
    "bad_entry",
    "id_conflict",
    "refused_address",
    "refused_scheme",
    "too_many_redirects",
    "http_status",
    "tls",
    "unreachable",
    "timed_out",
    "too_large",
    "empty_body",
    "not_an_image",
    "broken_image",
    "unhashable",
    "worker_died",
)
"""Every reason that an entry of `failures` can have."""


class LookalikeError(Exception):
    """The root of all errors of this package."""


class ServiceError(LookalikeError):
    """Raised when the service itself cannot go on; nothing is said about an image."""

    exit_status: ClassVar[int] = 69


class ArchiveMissingError(ServiceError):
    """Raised when the server no longer holds the archive that this process started with."""


class LogDamagedError(ServiceError):
    """Raised when the log of hashes contradicts itself on the server: no search would be exact."""


class ConfigurationError(ServiceError):
    """Raised when a setting, a recipe or a remembered archive forbids the start."""

    exit_status = 78


class ImageError(LookalikeError):
    """Raised when one image cannot be handled; the class below says whether later may help."""

    reason: ClassVar[str]

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class PermanentError(ImageError):
    """Raised when the same entry can never succeed; it goes to `failures`."""


class TransientError(ImageError):
    """Raised when the same entry may succeed later; it waits in `delayed`.

    `retry_after_s` is the server's own wish in seconds, where it had one. `host` is the host that failed, which is not
    that of the image where a redirect led elsewhere. `costs_attempt` is False where nothing was asked, because the host
    is left alone for a while.
    """

    def __init__(
        self,
        detail: str,
        *,
        retry_after_s: float | None = None,
        host: str | None = None,
        costs_attempt: bool = True,
    ) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.host = host
        self.costs_attempt = costs_attempt


class BadEntryError(PermanentError):
    """Raised when an entry that another program wrote breaks the contract."""

    reason = "bad_entry"


class IdConflictError(PermanentError):
    """Raised when a derived id is stored already with another URL."""

    reason = "id_conflict"


class RefusedAddressError(PermanentError):
    """Raised when a host is, or resolves to, an address that must not be asked."""

    reason = "refused_address"


class RefusedSchemeError(PermanentError):
    """Raised when a URL, or a redirect, has a scheme other than http, https or a permitted file."""

    reason = "refused_scheme"


class TooManyRedirectsError(PermanentError):
    """Raised when a chain of redirects is longer than its limit, or a circle."""

    reason = "too_many_redirects"


class HttpStatusError(PermanentError):
    """Raised when the host answered with a status that will not change by waiting."""

    reason = "http_status"


class HttpStatusLaterError(TransientError):
    """Raised when the host answered 408, 425, 429 or a server error; `status` is its answer."""

    reason = "http_status"

    def __init__(
        self, detail: str, *, status: int, retry_after_s: float | None = None, host: str | None = None
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, host=host)
        self.status = status


class TlsError(PermanentError):
    """Raised when the host's certificate or its TLS is not acceptable."""

    reason = "tls"


class UnreachableError(TransientError):
    """Raised when the host's name, its port or its connection failed."""

    reason = "unreachable"


class MissingFileError(PermanentError):
    """Raised when a file: URL names nothing that can be read."""

    reason = "unreachable"


class TimedOutError(TransientError):
    """Raised when a download reached its limit of time."""

    reason = "timed_out"


class TooLargeError(PermanentError):
    """Raised when a body, or the bitmap it announces, is beyond its limit."""

    reason = "too_large"


class EmptyBodyError(PermanentError):
    """Raised when a download held no byte."""

    reason = "empty_body"


class NotAnImageError(PermanentError):
    """Raised when the bytes are of none of the formats that are decoded."""

    reason = "not_an_image"


class BrokenImageError(PermanentError):
    """Raised when the bytes begin like an image and cannot be decoded to its end."""

    reason = "broken_image"


class UnhashableError(PermanentError):
    """Raised when a decoded image has no pHash (an exotic mode)."""

    reason = "unhashable"


class WorkerDiedError(PermanentError):
    """Raised when an image ends whatever process decodes it."""

    reason = "worker_died"


class SuspectNotTriedError(TransientError):
    """Raised when the process that was to decode a suspect ended before it began."""

    reason = "worker_died"
