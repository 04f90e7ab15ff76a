"""Writes the tables of `docs/performance.md` from the lines that `search.py --json` printed."""

from collections.abc import Iterator

_YARDSTICK = "faiss_flat"
_COMPARED = ("lookalike", "lookalike_bulk")
_OWN = "lookalike"
Line = dict[str, object]


def tabulate(lines: list[Line]) -> str:
    """Give one table a population, a column a size; of several lines on the same thing the last one counts."""
    populations = dict.fromkeys(str(line["population"]) for line in lines)
    return "\n\n".join(
        "\n".join(_table(name, [line for line in lines if line["population"] == name]))
        for name in populations
    )


def _table(population: str, lines: list[Line]) -> Iterator[str]:
    by_place = {(line["engine"], line["n"]): line for line in lines}
    sizes = sorted({n for _, n in by_place})
    engines = sorted(
        {str(engine) for engine, _ in by_place}, key=lambda name: (not name.startswith(_OWN), name)
    )
    yield f"**{population} hashes**: median of one query in microseconds, in brackets p99"
    yield ""
    yield _row("", (f"{n:,}" for n in sizes))
    yield _row("---", ("---:" for _ in sizes))
    for engine in engines:
        yield _row(f"`{engine}`", (_times(by_place.get((engine, n))) for n in sizes))
    for engine in _COMPARED:
        pairs = [(by_place.get((engine, n)), by_place.get((_YARDSTICK, n))) for n in sizes]
        yield _row(f"`{_YARDSTICK}` / `{engine}`", (_ratio(own, other) for own, other in pairs))
    own = [by_place.get((_OWN, n)) for n in sizes]
    yield _row("mapped bytes a hash", (_value(line, "bytes_per_hash") for line in own))
    yield _row("seconds until all runs are built", (_value(line, "build_s") for line in own))


def _row(name: str, cells: Iterator[str]) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in (name, *cells)) + "|"


def _times(line: Line | None) -> str:
    if line is None:
        return ""
    mark = "" if line["identical"] else " **not identical**"
    return f"{line['median_us']:,.0f} ({line['p99_us']:,.0f}){mark}"


def _ratio(own: Line | None, other: Line | None) -> str:
    if own is None or other is None:
        return ""
    return f"{float(str(other['median_us'])) / float(str(own['median_us'])):.1f} times"


def _value(line: Line | None, name: str) -> str:
    return "" if line is None or line[name] is None else f"{line[name]:,.1f}"
