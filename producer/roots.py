"""Whether workers may read the files that are sent, as far as the environment of a producer tells."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from producer.sources import Source

FILE_ROOTS = "LOOKALIKE_FILE_ROOTS"


def find_unreadable(sources: Sequence[Source], environ: Mapping[str, str]) -> list[Path]:
    """Give the folders of images that are below none of LOOKALIKE_FILE_ROOTS, each once.

    That is the workers' setting: theirs may be another one, above all on another machine.
    """
    roots = [Path(root).resolve() for root in environ.get(FILE_ROOTS, "").split(":") if root]
    places = [Path(source.name).resolve() for source in sources if source.format == "folder"]
    outside = [place for place in places if not any(place.is_relative_to(root) for root in roots)]
    return list(dict.fromkeys(place if place.is_dir() else place.parent for place in outside))
