"""Draws where the CPU of an image goes, system by system, from the rows that `pipeline.py` prints."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

PARTS = {
    "processes": "cpu_ms_per_image",
    "Redis server": "server_cpu_ms",
    "image host": "host_cpu_ms",
    "producer": "producer_cpu_ms",
}
LEFT_OUT = "naive"
"""One comparison a hash in Python: its bar would hide the others."""


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw one bar a system, one colour a part, with the rate beside it."""
    shown = [row for row in rows if "system" in row and row["system"] != LEFT_OUT]
    plt.rcParams.update({"svg.hashsalt": "lookalike", "font.size": 9})
    figure, panel = plt.subplots(figsize=(7, 0.7 * len(shown) + 1))
    names = [row["system"] for row in shown]
    left = [0.0] * len(shown)
    for part, field in PARTS.items():
        sizes = [row.get(field, 0.0) for row in shown]
        panel.barh(names, sizes, left=left, label=part)
        left = [begin + size for begin, size in zip(left, sizes, strict=True)]
    for at, (row, end) in enumerate(zip(shown, left, strict=True)):
        panel.text(end + 0.03, at, f"{row['images_per_s']:.0f} images/s", va="center")
    panel.set(xlabel="CPU of one image, ms", xlim=(0, max(left) * 1.25))
    panel.invert_yaxis()
    panel.legend(loc="lower right")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
