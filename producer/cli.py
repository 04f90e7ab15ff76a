"""`lookalike enqueue`: the producer's command."""

import sys
from pathlib import Path
from typing import Any

import click

from producer.arguments import Arguments, parse_rate
from producer.names import OPEN_LANES
from producer.session import run, run_dry
from producer.sources import GIVEN_FORMATS, STDIN, Source, find_sources
from producer.urls import check_url

EXAMPLES = """\b
Examples:
  lookalike enqueue urls.txt posts.jsonl backlog.csv.gz tweets.parquet
  scraper | lookalike enqueue --lane live -
  lookalike enqueue names.txt --base-url https://bucket.example.org/
  lookalike enqueue ./images
  lookalike enqueue tweets.csv --url-field media_url --id-field media_id --ignore-unknown
  lookalike enqueue huge.txt.gz --checkpoint huge.done --rejects huge.bad --rate 500
  lookalike enqueue --follow --lane live scraper.log

\b
Exit status:
  0 all accepted; 2 wrong usage; 3 some lines were bad; 69 no server; 75 the server's memory is full,
  try again later; 78 configuration; 130 interrupted
"""


_path = click.Path(path_type=Path, dir_okay=False)


@click.command(name="enqueue", epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("names", nargs=-1, required=True, metavar="SOURCE...", type=click.Path())
@click.option(
    "--lane",
    type=click.Choice(OPEN_LANES),
    default="backlog",
    show_default=True,
    help="live is worked on first",
)
@click.option(
    "--format", "file_format", type=click.Choice(GIVEN_FORMATS), help="Instead of what the name says"
)
@click.option("--base-url", default="", metavar="URL", help="Comes before names that are no URLs")
@click.option("--source", metavar="TEXT", help="The source of images that name none")
@click.option("--url-field", metavar="NAME", help="Where the URL is, instead of url, image_url or image_urls")
@click.option("--id-field", metavar="NAME", help="Where the id is, instead of id")
@click.option("--source-field", metavar="NAME", help="Where the source is, instead of source")
@click.option("--scraped-at-field", metavar="NAME", help="Where the time is, instead of scraped_at")
@click.option("--page-url-field", metavar="NAME", help="Where the page is, instead of page_url")
@click.option(
    "--meta-field", "meta_fields", multiple=True, metavar="NAME", help="A field to keep in meta; repeatable"
)
@click.option("--ignore-unknown", is_flag=True, help="Leave out fields that the contract does not know")
@click.option("--rate", callback=parse_rate, metavar="N/s", help="Images a second at most")
@click.option(
    "--max-waiting",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="Hold back while the lane is longer",
)
@click.option("--limit", type=click.IntRange(min=0), default=0, help="End after so many images; 0: all")
@click.option("--skip-known", is_flag=True, help="Leave out images that the archive has")
@click.option("--follow", is_flag=True, help="Wait for what is appended to the file, through rotation")
@click.option(
    "--checkpoint", type=_path, metavar="FILE", help="Keep how far the run is, and go on from there"
)
@click.option("--rejects", type=_path, metavar="FILE", help="Keep bad lines, as JSON lines")
@click.option("--dry-run", is_flag=True, help="Check everything, show the first three messages, send nothing")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON")
@click.option("--quiet", is_flag=True, help="Show no progress and no summary")
def enqueue(**given: Any) -> None:  # noqa: ANN401 - click has checked them
    """Put images on the queue: from files, from a pipe (-) or from folders.

    Text has a URL a line; CSV and TSV have a header, JSON lines an object a line, with the fields url, id,
    source, scraped_at, page_url and meta; all may be packed as .gz, .bz2 or .zst. Of Parquet files the
    columns of these names are read; they need pyarrow. A folder stands for the images in it, which workers
    read where LOOKALIKE_FILE_ROOTS allows it. Bad lines are told with file and line, and don't end the run.

    The server is LOOKALIKE_REDIS_URL, else that of `lookalike up` in this folder, else
    redis://localhost:6379/0; the archive is LOOKALIKE_ARCHIVE.
    """
    arguments = Arguments(**given)
    sources = _find_sources(arguments)
    sys.exit(run_dry(arguments, sources) if arguments.dry_run else run(arguments, sources))


def _find_sources(arguments: Arguments) -> list[Source]:
    if arguments.base_url:
        try:
            check_url(arguments.base_url)
        except ValueError as error:
            raise click.UsageError(f"--base-url: {error}") from None
    if arguments.checkpoint is not None and STDIN in arguments.names:
        raise click.UsageError("--checkpoint cannot go with a pipe (-): what was read from it is gone")
    if arguments.names.count(STDIN) > 1 or (arguments.follow and len(arguments.names) > 1):
        raise click.UsageError("a pipe (-) can be read once, and one file be followed")
    try:
        return find_sources(arguments.names, given_format=arguments.file_format, is_followed=arguments.follow)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
