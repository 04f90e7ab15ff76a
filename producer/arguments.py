"""What the command line of `lookalike enqueue` says."""

from dataclasses import dataclass
from pathlib import Path

import click

from producer.enqueue import Options
from producer.mapping import FieldMapping
from producer.names import OpenLane
from producer.sources import Format


def parse_rate(_context: click.Context, _option: click.Parameter, value: str | None) -> float:
    """Read images a second, `500` or `500/s`; 0 where no rate is given."""
    if value is None:
        return 0.0
    try:
        rate = float(value.removesuffix("/s"))
    except ValueError:
        rate = -1.0
    if not 0 < rate < float("inf"):
        raise click.BadParameter(f"{value!r} is no rate such as 500 or 500/s")
    return rate


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What the command line says."""

    names: tuple[str, ...]
    lane: OpenLane
    file_format: Format | None
    base_url: str
    source: str | None
    url_field: str | None
    id_field: str | None
    source_field: str | None
    scraped_at_field: str | None
    page_url_field: str | None
    meta_fields: tuple[str, ...]
    ignore_unknown: bool
    rate: float
    max_waiting: int
    limit: int
    skip_known: bool
    follow: bool
    checkpoint: Path | None
    rejects: Path | None
    dry_run: bool
    as_json: bool
    quiet: bool

    def mapping(self) -> FieldMapping:
        """Say which field of a row becomes which of a message."""
        given = {
            "url": self.url_field,
            "id": self.id_field,
            "source": self.source_field,
            "scraped_at": self.scraped_at_field,
            "page_url": self.page_url_field,
        }
        return FieldMapping(
            names={name: field for name, field in given.items() if field is not None},
            meta_names=self.meta_fields,
            ignores_unknown=self.ignore_unknown,
            base_url=self.base_url,
            source=self.source,
        )

    def options(self) -> Options:
        """Say how the run goes."""
        return Options(
            lane=self.lane,
            rate=self.rate,
            max_waiting=self.max_waiting,
            limit=self.limit,
            skips_known=self.skip_known,
        )
