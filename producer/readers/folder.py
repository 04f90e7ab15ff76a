"""A folder of images: each file becomes a file: URL, or with a base URL its name below the folder."""

from collections.abc import Iterator
from os import scandir
from pathlib import Path

from producer.readers.rows import Position, Row

IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".webp"})


def read_folder(folder: Path, *, as_names: bool, after: Position) -> Iterator[Row]:
    """Yield a row for each image below `folder`, in the order of their paths, those behind `after`."""
    number = after.line
    done = Path(after.mark).parts
    for path in _walk(folder):
        inner = path.relative_to(folder if folder.is_dir() else folder.parent)
        if inner.parts <= done:
            continue
        number += 1
        url = inner.as_posix() if as_names else path.absolute().as_uri()
        name = inner.as_posix()
        yield Row(number, Position(number, 0, name), {"url": url}, text=name.encode(errors="replace"))


def _walk(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        yield folder
        return
    with scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif Path(entry.name).suffix.lower() in IMAGE_SUFFIXES and entry.is_file():
            yield Path(entry.path)
