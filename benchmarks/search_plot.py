"""Draws size against time, all engines, from the lines that `search.py --json` printed."""

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

_OWN = "lookalike"


def draw(lines: list[dict], path: Path) -> None:
    """Draw one panel a population, log axes."""
    populations = sorted({line["population"] for line in lines})
    engines = sorted({line["engine"] for line in lines}, key=lambda name: (not name.startswith(_OWN), name))
    plt.rcParams.update({"svg.hashsalt": "lookalike", "font.size": 9})
    figure, panels = plt.subplots(
        1, len(populations), figsize=(6 * len(populations), 5), sharey=True, squeeze=False
    )
    for panel, population in zip(panels[0], populations, strict=True):
        for number, engine in enumerate(engines):
            points = sorted(
                (line["n"], line["median_us"] / 1000)
                for line in lines
                if (line["population"], line["engine"]) == (population, engine)
            )
            if points:
                width = 2.5 if engine.startswith(_OWN) else 1.2
                panel.plot(
                    *zip(*points, strict=True), "o-", color=f"C{number}", label=engine, linewidth=width
                )
        panel.set(xscale="log", yscale="log", xlabel="distinct hashes", title=f"{population} hashes")
        panel.grid(visible=True, which="both", alpha=0.25)
    panels[0][0].set_ylabel("median of one query, ms")
    panels[0][0].legend(loc="upper left")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
