import os
import random
import tracemalloc
import warnings
import zlib
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import imagehash
import numpy as np
import pytest
from odd_images import animated_png, chunk, encoded, odd_images, png, rgb, texture
from PIL import GifImagePlugin, Image, ImageFile, PngImagePlugin

from worker.errors import BrokenImageError, EmptyBodyError, ImageError, NotAnImageError, TooLargeError
from worker.hashing import HashedImage, golden_hashes, hash_image, warm_up
from worker.phash import compute_phash, has_low_information
from worker.remembered import RememberedHashes

DEMO = Path(__file__).parent.parent.parent / "demo"
MAX_PIXELS = 50_000_000
ODD_IMAGES = odd_images()


def hashed(body: bytes) -> HashedImage:
    return hash_image(body, max_pixels=MAX_PIXELS)


def plain(image: Image.Image) -> str:
    return str(imagehash.phash(image.convert("RGBA")))


@pytest.mark.parametrize("name", ODD_IMAGES)
@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning")
def test_the_hash_of_every_kind_of_image_is_that_of_imagehash(name):
    body = ODD_IMAGES[name]

    found = hashed(body)

    with Image.open(BytesIO(body)) as image:
        assert f"{found.phash:016x}" == plain(image)
        assert (found.width, found.height) == image.size


@pytest.mark.parametrize(
    "mode",
    ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"],
)
def test_the_hash_of_every_mode_is_that_of_imagehash(mode):
    via = {"RGBa": "RGBA", "PA": "P", "I;16": "I"}.get(mode)
    image = rgb(200, 150) if via is None else rgb(200, 150).convert(via)
    image = image.convert(mode)

    assert f"{compute_phash(image.copy()):016x}" == plain(image)


def test_a_mode_without_luma_is_told():
    with pytest.raises(ValueError, match="conversion"):
        compute_phash(Image.new("La", (50, 50)))


def plain_of_file(path: Path) -> str:
    with Image.open(path) as image:
        return plain(image)


def test_the_hashes_of_the_demo_are_those_of_imagehash():
    paths = [path for path in sorted(DEMO.iterdir()) if path.suffix != ".csv"]

    found = [f"{hashed(path.read_bytes()).phash:016x}" for path in paths]

    assert len(paths) == 46
    assert found == [plain_of_file(path) for path in paths]


@pytest.mark.skipif(
    "LOOKALIKE_TEST_PHOTOS" not in os.environ, reason="LOOKALIKE_TEST_PHOTOS names no folder of photos"
)
def test_the_hashes_of_photos_are_those_of_imagehash():
    paths = sorted(Path(os.environ["LOOKALIKE_TEST_PHOTOS"]).glob("*.jpg"))

    found = [f"{hashed(path.read_bytes()).phash:016x}" for path in paths]

    assert found == [plain_of_file(path) for path in paths]


def test_the_facts_of_an_image_are_told():
    body = ODD_IMAGES["jpeg-420"]

    found = hashed(body)

    assert found == HashedImage(
        phash=found.phash,
        width=400,
        height=533,
        format="JPEG",
        low_information=False,
        sha256=sha256(body).digest(),
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("jpeg-mpo", "JPEG"),
        ("png-p", "PNG"),
        ("webp", "WEBP"),
        ("gif", "GIF"),
        ("avif", "AVIF"),
        ("bmp-rgb", "BMP"),
    ],
)
def test_the_bytes_decide_the_format(name, expected):
    assert hashed(ODD_IMAGES[name]).format == expected


@pytest.mark.parametrize(
    ("phash", "expected"),
    [(0, True), (1 << 63, True), (0x81D07FFFE0611A85, False), (0xFFFFFFFF, False), (0x7FFFFFFF, True)],
)
def test_a_hash_without_texture_is_told(phash, expected):
    assert has_low_information(phash) is expected


@pytest.mark.parametrize("name", ["flat-black", "flat-white", "flat-#808080", "gradient", "png-1x1"])
def test_a_picture_without_texture_is_marked(name):
    assert hashed(ODD_IMAGES[name]).low_information


@pytest.mark.parametrize("frames", ["gif-animated", "png-animated", "webp-animated", "jpeg-mpo"])
def test_the_first_frame_alone_is_hashed(frames):
    still = {"webp-animated": encoded(rgb(), "WEBP"), "jpeg-mpo": encoded(rgb(), "JPEG")}.get(
        frames, encoded(rgb(), "PNG")
    )

    distance = (hashed(ODD_IMAGES[frames]).phash ^ hashed(still).phash).bit_count()

    assert distance <= 6  # the palette of GIF and the coding of WebP


def test_ten_thousand_frames_cost_no_more_than_one(monkeypatch):
    seeks = []
    seek = PngImagePlugin.PngImageFile._seek  # noqa: SLF001  # the decoder's own step to a frame
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "_seek", lambda *args: seeks.append(1) or seek(*args))

    found = hashed(animated_png(10_000))

    assert found.phash == hashed(animated_png(1)).phash
    assert len(seeks) <= 2


@pytest.mark.parametrize(
    "body",
    [
        png(13_000, 13_000, data=bytes(1000)),
        png(2**31 - 1, 2**31 - 1),
        b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;",
        b"GIF89a\x01\0\x01\0\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;",
        b"BM"
        + bytes(8)
        + (54).to_bytes(4, "little")
        + (40).to_bytes(4, "little")
        + (60_000).to_bytes(4, "little") * 2
        + b"\1\0\x18\0"
        + bytes(24),
        b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\xff\xff\x3f\xff\x3f\0",
        b"RIFF\x20\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f" + bytes(20),
        b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x22\0\x02\x11\1\x03\x11\1\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0"
        + bytes(50),
    ],
    ids=["png", "png-largest", "gif-canvas", "gif-frame", "bmp", "webp-extended", "webp-lossless", "jpeg"],
)
def test_the_announced_size_is_checked_before_anything_is_decoded(body, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))

    with pytest.raises(TooLargeError):
        hashed(body)


@pytest.mark.parametrize(("max_pixels", "passes"), [(97 * 61, True), (97 * 61 - 1, False)])
@pytest.mark.parametrize("name", ["png-rgb", "webp-lossless", "webp-alpha", "avif", "gif", "bmp-rgb"])
def test_the_limit_of_pixels_is_exact(name, max_pixels, passes):
    if passes:
        assert hash_image(ODD_IMAGES[name], max_pixels=max_pixels).width == 97
    else:
        with pytest.raises(TooLargeError):
            hash_image(ODD_IMAGES[name], max_pixels=max_pixels)


BOMB = zlib.compress(bytes(100_000_000), 9)
HTML = b"<!DOCTYPE html><html><body><img src='a.jpg'></body></html>"
SVG = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"


@pytest.mark.parametrize(
    "body",
    [
        HTML,
        SVG,
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"II*\0\x08\0\0\0",
        b"8BPS\0\1",
        b"SIMPLE  =                    T",
        b"P6 2 2 255 " + bytes(12),
        b"PK\x03\x04",
        b"\0",
        b"\0\0\1\0\1\0",
        b"#EXTM3U",
        b"\x00\x00\x00\x1cftypheic",
    ],
)
def test_what_is_no_image_of_the_list_has_its_own_reason(body):
    with pytest.raises(NotAnImageError):
        hashed(body)


def test_no_byte_has_its_own_reason():
    with pytest.raises(EmptyBodyError):
        hashed(b"")


@pytest.mark.parametrize(
    "body",
    [
        png(8, 8, extra=chunk(b"zTXt", b"Comment\0\0" + BOMB), data=bytes(72)),
        png(8, 8, extra=chunk(b"iTXt", b"Comment\0\1\0\0\0" + BOMB), data=bytes(72)),
        png(8, 8, extra=chunk(b"iCCP", b"profile\0\0" + BOMB), data=bytes(72)),
        png(8, 8, after=chunk(b"zTXt", b"Comment\0\0" + BOMB), data=bytes(72)),
        png(8, 8, data=bytes(100_000_000)),
    ],
    ids=["zTXt", "iTXt", "iCCP", "zTXt-after", "IDAT"],
)
def test_a_bomb_within_an_image_does_not_go_off(body):
    tracemalloc.start()
    with suppress(BrokenImageError):
        hashed(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20_000_000


@pytest.mark.parametrize("name", ["jpeg-420", "png-rgb", "gif", "webp", "avif", "bmp-rgb"])
@pytest.mark.parametrize("appended", [HTML, b"PK\x05\x06" + bytes(18), b"<script>alert(1)</script>", SVG])
def test_what_follows_an_image_changes_nothing(name, appended):
    assert hashed(ODD_IMAGES[name] + appended).phash == hashed(ODD_IMAGES[name]).phash


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(100),
        os.urandom(500),
    ],
)
@pytest.mark.parametrize("icc", [b"", b"\xff" * 300])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_garbage_in_metadata_changes_nothing(exif, icc):
    image = rgb(400, 533)

    assert (
        hashed(encoded(image, "JPEG", exif=exif, icc_profile=icc)).phash
        == hashed(encoded(image, "JPEG")).phash
    )


@pytest.mark.parametrize(
    "name", ["jpeg-420", "jpeg-progressive", "png-rgb", "gif", "webp", "avif", "bmp-rgb"]
)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_image_is_broken(name, share):
    body = ODD_IMAGES[name]

    with pytest.raises(BrokenImageError):
        hashed(body[: int(len(body) * share)])


@pytest.mark.parametrize(
    "prefix",
    [
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\0\0\0\x1cftypavif",
    ],
)
def test_what_only_begins_like_an_image_is_broken(prefix):
    with pytest.raises(BrokenImageError):
        hashed(prefix + b"garbage" * 10)


def test_settings_of_pillow_do_not_decide(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(GifImagePlugin, "LOADING_STRATEGY", GifImagePlugin.LoadingStrategy.RGB_ALWAYS)

    large, animation = hashed(ODD_IMAGES["jpeg-420"]), hashed(ODD_IMAGES["gif-animated"])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(BrokenImageError):
        hashed(ODD_IMAGES["jpeg-420"][:5000])

    assert large.width == 400
    assert f"{animation.phash:016x}" == plain(Image.open(BytesIO(ODD_IMAGES["gif-animated"])))


def flipped(body: bytes, chance: random.Random) -> bytes:
    """Flip some bits near the beginning, and sometimes cut the end off."""
    changed = bytearray(body)
    for _ in range(chance.randint(1, 20)):
        changed[chance.randrange(min(len(changed), 2000))] ^= 1 << chance.randrange(8)
    if chance.random() < 0.3:
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def test_flipped_and_truncated_files_end_as_failures_of_the_list():
    chance = random.Random(7)
    bodies = [
        path.read_bytes()
        for path in sorted(DEMO.glob("*.*"))
        if path.suffix != ".csv" and path.stat().st_size < 60_000
    ]
    reasons = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(300):
            body = flipped(chance.choice([*bodies, *ODD_IMAGES.values()]), chance)
            try:
                hashed(body)
            except ImageError as error:
                reasons.add(error.reason)

    assert reasons <= {"not_an_image", "broken_image", "too_large", "unhashable", "empty_body"}


def test_golden_hashes_are_the_same_everywhere():
    assert golden_hashes() == {
        "rgb-odd": "824e38d5dfb18b0e",
        "rgb-large": "ac070055ff7e54b1",
        "grey-tiny": "af0b76fcf064c103",
        "grey-wide": "a0baf7aa15aa51aa",
        "grey-tall": "9a751ebc1adb6308",
        "rgba": "aa6d851a720da5f6",
        "grey-alpha": "a90ea174de5336cc",
        "palette": "93fa881fe125e0e6",
        "bilevel": "b607b51065db6339",
        "flat": "8000000000000000",
    }


def test_warming_up_can_be_done_twice():
    with warnings.catch_warnings():
        warm_up()
        warm_up()


def test_heic_is_decoded_where_its_extra_is_installed():
    pytest.importorskip("pillow_heif", reason="an extra")
    warm_up()
    body = encoded(rgb(), "HEIF")

    found = hashed(body)

    with Image.open(BytesIO(body)) as image:
        assert (found.format, f"{found.phash:016x}") == ("HEIF", plain(image))


def test_identical_bytes_are_decoded_once(monkeypatch):
    decoded = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda *args, **kwargs: decoded.append(1) or real(*args, **kwargs))
    remembered = RememberedHashes(2)

    bodies = [ODD_IMAGES[name] for name in ("png-rgb", "png-rgb", "gif", "png-rgb", "webp", "gif", "png-rgb")]
    found = [remembered.hash_image(body, max_pixels=MAX_PIXELS) for body in bodies]

    assert len(decoded) == 5  # webp pushed gif out, and gif the first
    assert found == [hashed(body) for body in bodies]


def test_nothing_is_remembered_where_that_is_off(monkeypatch):
    remembered = RememberedHashes(0)
    first = remembered.hash_image(ODD_IMAGES["gif"], max_pixels=MAX_PIXELS)

    assert remembered.hash_image(ODD_IMAGES["gif"], max_pixels=MAX_PIXELS) is not first


def test_a_failure_is_not_remembered():
    remembered = RememberedHashes(10)
    body = encoded(Image.fromarray(np.asarray(texture())), "PNG")

    with pytest.raises(TooLargeError):
        remembered.hash_image(body, max_pixels=10)

    assert remembered.hash_image(body, max_pixels=MAX_PIXELS).width == 97
