"""The bytes of one image in, what is known of it out: pHash, size, format, digest.

The bytes alone decide what they are, never a name or a Content-Type, and the size that their header announces is
checked before a pixel is decoded. Of an animation only the first frame is decoded.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from worker.errors import (
    BrokenImageError,
    ConfigurationError,
    EmptyBodyError,
    NotAnImageError,
    TooLargeError,
    UnhashableError,
)
from worker.golden import golden_images
from worker.phash import compute_phash, has_low_information
from worker.shrinking import is_exact

FORMATS = tuple(
    str(plugin.format)
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        AvifImagePlugin.AvifImageFile,
        BmpImagePlugin.BmpImageFile,
    )
)
"""What is decoded. Pillow knows forty more, with interpreters (EPS), references to files and rare code among them."""

PREFIX_BYTES = 16


@dataclass(frozen=True)
class HashedImage:
    """What one image's bytes tell."""

    phash: int
    width: int
    height: int
    format: str
    low_information: bool
    sha256: bytes


Look = Callable[[Image.Image, bytes], None]
"""Sees an image while it is decoded, with the SHA-256 of its bytes; raises nothing."""


def hash_image(body: bytes, *, max_pixels: int, look: Look | None = None) -> HashedImage:
    """Decode `body` and hash it; `look` sees what has a hash.

    Raises:
        EmptyBodyError: There is no byte.
        NotAnImageError: The bytes begin like none of the formats that are decoded.
        TooLargeError: The bitmap has more than `max_pixels`, or does not fit into the memory of this process.
        BrokenImageError: The bytes begin like an image and cannot be decoded to the end of its first frame.
        UnhashableError: The decoded image cannot be turned into luma.
    """
    return hash_digested(body, sha256(body).digest(), max_pixels=max_pixels, look=look)


def hash_digested(body: bytes, digest: bytes, *, max_pixels: int, look: Look | None) -> HashedImage:
    """Do what `hash_image` does, where the SHA-256 of `body` is known."""
    if not body:
        raise EmptyBodyError("no byte in the body")
    # Pillow keeps its limits in variables that any import may set; they must not decide about an image.
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    image = _decode(body, max_pixels=max_pixels)
    width, height = image.size
    try:
        phash = compute_phash(image)
    except MemoryError:
        raise TooLargeError(f"{width} x {height} pixels do not fit into the memory of a worker") from None
    except (ValueError, OSError) as error:
        raise UnhashableError(f"mode {image.mode} has no luma: {_told(error)}") from None
    if look is not None:
        look(image, digest)
    return HashedImage(
        phash=phash,
        width=width,
        height=height,
        format="JPEG" if image.format == "MPO" else image.format or "",
        low_information=has_low_information(phash),
        sha256=digest,
    )


def warm_up() -> None:
    """Load what the first image would otherwise wait for, and settle Pillow for a worker.

    Raises:
        ConfigurationError: numpy computes wrongly on this machine, so that every hash would be wrong.
    """
    if not is_exact():
        raise ConfigurationError(
            "numpy's matrix products are wrong on this machine, and so would be every hash: install another numpy, "
            "or set OPENBLAS_CORETYPE to a kernel that suits the processor"
        )
    if find_spec("pillow_heif") is not None:
        _register_heif()
    # One decoder thread: a child is one core's work, and stacks count into its memory.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    # Odd metadata is no news in a feed of strangers' files.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    golden_hashes()


def golden_hashes() -> dict[str, str]:
    """Hash the golden images: the same on every machine whose hashes are those of the archive."""
    return {
        name: f"{hash_image(body, max_pixels=2**20).phash:016x}" for name, body in golden_images().items()
    }


def _decode(body: bytes, *, max_pixels: int) -> Image.Image:
    """Open and load the first frame."""
    try:
        if body[8:12] == b"WEBP":
            _check_size(*webp_size(body), max_pixels=max_pixels)
        image = Image.open(BytesIO(body), formats=_formats())
        _check_size(*image.size, max_pixels=max_pixels)
        image.load()
    except TooLargeError:
        raise
    except MemoryError:
        raise TooLargeError("the image does not fit into the memory of a worker") from None
    except Exception as error:  # noqa: BLE001  # of hostile files every 22nd raises something unexpected
        if isinstance(error, UnidentifiedImageError):
            if _begins_like_an_image(body):
                raise BrokenImageError("the header of the image cannot be read") from None
            raise NotAnImageError("the bytes begin like no image that is decoded") from None
        raise BrokenImageError(f"cannot be decoded: {_told(error)}") from None
    return image


def _check_size(width: int, height: int, *, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise TooLargeError(f"{width} x {height} pixels: at most {max_pixels}")


def webp_size(body: bytes) -> tuple[int, int]:
    """Read width and height off a WebP header (RFC 9649), 0 where it is broken.

    Pillow's decoder allocates its canvas, up to 2 GB, when the file is opened.
    """
    kind = body[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[24:27], "little"), 1 + int.from_bytes(body[27:30], "little")
    if kind == b"VP8L" and body[20] == 0x2F:  # noqa: PLR2004  # the signature of a lossless image
        bits = int.from_bytes(body[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and body[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(body[26:28], "little") & 0x3FFF, int.from_bytes(body[28:30], "little") & 0x3FFF
    return 0, 0


def _begins_like_an_image(body: bytes) -> bool:
    prefix = body[:PREFIX_BYTES]
    return any(
        accept is not None and accept(prefix) for _, accept in (Image.OPEN[name] for name in _formats())
    )


def _formats() -> tuple[str, ...]:
    return (*FORMATS, "HEIF") if "HEIF" in Image.OPEN else FORMATS


def _register_heif() -> None:
    import pillow_heif  # noqa: PLC0415  # an extra

    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.register_heif_opener(thumbnails=False)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:120]}"
