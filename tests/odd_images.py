"""Images of every kind that a decoder may meet, and hostile ones, made anew by each run."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def texture(width: int = 97, height: int = 61, bands: int = 3, *, seed: int = 1) -> np.ndarray:
    """Draw blocks and noise."""
    noise = np.random.default_rng(seed)
    coarse = noise.integers(0, 256, (height // 8 + 1, width // 8 + 1, bands))
    fine = noise.integers(-20, 20, (height, width, bands))
    return np.clip(np.kron(coarse, np.ones((8, 8, 1), int))[:height, :width] + fine, 0, 255).astype(np.uint8)


def rgb(width: int = 97, height: int = 61, *, seed: int = 1) -> Image.Image:
    return Image.fromarray(texture(width, height, seed=seed))


def rgba(width: int = 97, height: int = 61) -> Image.Image:
    return Image.fromarray(texture(width, height, 4))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(  # noqa: PLR0913  # the fields of the format
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour: int = 0,
    extra: bytes = b"",
    data: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """Write a PNG file by hand."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG_SIGNATURE + header + extra + chunk(b"IDAT", zlib.compress(data)) + after + chunk(b"IEND", b"")


def png_16_bit(colour: int, bands: int) -> bytes:
    """Write 16 bits a sample: grey (0), RGB (2), grey and alpha (4), RGBA (6)."""
    samples = np.random.default_rng(3).integers(0, 65536, (40, 50, bands)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    return png(50, 40, depth=16, colour=colour, data=rows)


def animated_png(frames: int) -> bytes:
    """Write an APNG of many frames, the first of which is the still image."""
    pixels = texture(32, 32, 1)[:, :, 0]
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
    control = lambda number: chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 32, 32, 0, 0, 1, 10, 0, 0))  # noqa: E731
    later = b"".join(
        control(2 * n - 1) + chunk(b"fdAT", struct.pack(">I", 2 * n) + rows) for n in range(1, frames)
    )
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0))
    return (
        PNG_SIGNATURE
        + header
        + chunk(b"acTL", struct.pack(">II", frames, 0))
        + control(0)
        + chunk(b"IDAT", rows)
        + later
        + chunk(b"IEND", b"")
    )


def odd_images() -> dict[str, bytes]:
    """Encode images of all modes, formats and variants that are decoded, by name."""
    picture, other = rgb(), rgb(seed=2)
    palette = picture.quantize(32)
    rotated = Image.Exif()
    rotated[0x0112] = 6
    photo = rgb(400, 533)
    images = {
        "png-1": encoded(picture.convert("1"), "PNG"),
        "png-l": encoded(picture.convert("L"), "PNG"),
        "png-l-transparent": encoded(picture.convert("L"), "PNG", transparency=100),
        "png-la": encoded(Image.fromarray(texture(bands=2), "LA"), "PNG"),
        "png-p": encoded(palette, "PNG"),
        "png-p-transparent-index": encoded(palette, "PNG", transparency=3),
        "png-p-transparent-bytes": encoded(palette, "PNG", transparency=bytes(range(0, 256, 8))),
        "png-p-2-colours": encoded(picture.quantize(2), "PNG", bits=1),
        "png-rgb": encoded(picture, "PNG"),
        "png-rgb-transparent": encoded(picture, "PNG", transparency=tuple(int(v) for v in texture()[5, 5])),
        "png-rgba": encoded(rgba(), "PNG"),
        "png-16-grey": png_16_bit(0, 1),
        "png-16-rgb": png_16_bit(2, 3),
        "png-16-grey-alpha": png_16_bit(4, 2),
        "png-16-rgba": png_16_bit(6, 4),
        "png-i16": encoded(Image.fromarray(np.arange(4000, dtype=np.uint16).reshape(50, 80) * 16), "PNG"),
        "png-animated": encoded(picture, "PNG", save_all=True, append_images=[other], duration=100),
        "png-animated-default": encoded(
            picture, "PNG", save_all=True, append_images=[other], default_image=True
        ),
        "jpeg-l": encoded(picture.convert("L"), "JPEG"),
        "jpeg-420": encoded(photo, "JPEG", subsampling=2),
        "jpeg-444": encoded(photo, "JPEG", subsampling=0, quality=95),
        "jpeg-progressive": encoded(photo, "JPEG", progressive=True),
        "jpeg-cmyk": encoded(picture.convert("CMYK"), "JPEG"),
        "jpeg-rotated": encoded(photo, "JPEG", exif=rotated),
        "jpeg-restarts": encoded(photo, "JPEG", restart_marker_rows=1),
        "jpeg-mpo": encoded(picture, "MPO", save_all=True, append_images=[other]),
        "gif": encoded(palette, "GIF"),
        "gif-interlaced": encoded(palette, "GIF", interlace=True),
        "gif-transparent": encoded(palette, "GIF", transparency=2),
        "gif-grey": encoded(picture.convert("L"), "GIF"),
        "gif-animated": encoded(picture, "GIF", save_all=True, append_images=[other, picture], duration=50),
        "webp": encoded(photo, "WEBP"),
        "webp-lossless": encoded(picture, "WEBP", lossless=True),
        "webp-alpha": encoded(rgba(), "WEBP"),
        "webp-animated": encoded(picture, "WEBP", save_all=True, append_images=[other]),
        "avif": encoded(picture, "AVIF"),
        "avif-alpha": encoded(rgba(), "AVIF"),
        "bmp-1": encoded(picture.convert("1"), "BMP"),
        "bmp-l": encoded(picture.convert("L"), "BMP"),
        "bmp-p": encoded(palette, "BMP"),
        "bmp-rgb": encoded(picture, "BMP"),
        "bmp-rgba": encoded(rgba(), "BMP"),
    }
    for width, height in (
        (1, 1),
        (1, 300),
        (300, 1),
        (31, 33),
        (32, 32),
        (32, 500),
        (127, 90),
        (128, 90),
        (128, 224),
        (128, 225),
    ):
        images[f"png-{width}x{height}"] = encoded(rgb(width, height), "PNG")
    for width, height in ((200, 700), (700, 200), (2048, 30), (2049, 30), (1024, 1500)):
        images[f"png-{width}x{height}"] = encoded(rgb(width, height).convert("L"), "PNG", compress_level=1)
    for colour in ("black", "white", "#808080", "#010203"):
        images[f"flat-{colour}"] = encoded(Image.new("RGB", (150, 100), colour), "PNG")
    images["gradient"] = encoded(Image.linear_gradient("L"), "PNG")
    images["symmetrical"] = encoded(Image.fromarray(np.hstack([texture(), texture()[:, ::-1]])), "PNG")
    return images
