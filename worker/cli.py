"""The command `lookalike`: its verbs, each loaded when it is used, and what all of them do about errors."""

import os
import sys
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from worker.loading import INTERRUPTED, raise_at_interrupt

VERBS = {
    "demo": ("worker.commands.demo", "Send images through the real service and watch the alerts."),
    "up": ("worker.commands.up", "Run everything on this machine, in one terminal."),
    "worker": ("worker.commands.worker", "Run a worker."),
    "enqueue": ("producer.cli", "Put image URLs onto a lane."),
    "alerts": ("worker.commands.alerts", "Show alerts, or follow them."),
    "search": ("worker.commands.search", "Find what looks like a URL, a file or a hash."),
    "clusters": ("worker.commands.clusters", "List clusters by size, or show one."),
    "stats": ("worker.commands.stats", "Count images, clusters, alerts and failures."),
    "status": ("worker.commands.status", "Tell what waits and who works."),
    "failures": ("worker.commands.failures", "List what could not be done and why; try it again."),
    "web": ("worker.commands.web", "Serve the page and the HTTP API."),
    "archive": ("worker.commands.archive", "Show the archive; accept a new one."),
    "config": ("worker.commands.config", "Show every setting, and where it comes from."),
    "check": ("worker.commands.check", "Count what must agree in the archive."),
    "completion": ("worker.commands.completion", "Let the shell complete verbs, options and files."),
}
"""Each verb: the module that has a command of this name, and what it does."""

PRODUCERS = ("LOOKALIKE_REDIS_URL", "LOOKALIKE_ARCHIVE", "LOOKALIKE_BROKER_URL")
"""What most environments have."""


class Verbs(click.Group):
    """Loads a verb's module when the verb is used, so that `enqueue` needs nothing that a worker needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """List the verbs in the order in which one meets them."""
        return list(VERBS)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a verb without loading any of them, or an option."""
        verbs = [
            CompletionItem(name, help=told)
            for name, (_, told) in VERBS.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one verb."""
        try:
            return self._load(ctx, cmd_name)
        except click.ClickException:
            if ctx.resilient_parsing:
                return None  # a shell that completes a line wants no complaint
            raise

    def _load(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in VERBS:
            close = get_close_matches(cmd_name, VERBS, n=1)
            hint = f": did you mean `lookalike {close[0]}`?" if close else ""
            raise click.UsageError(f"there is no verb {cmd_name!r}{hint}", ctx)
        try:
            module = import_module(VERBS[cmd_name][0])
        except ModuleNotFoundError as error:
            if error.name and error.name.split(".")[0] in ("worker", "producer"):
                raise
            raise click.ClickException(
                f"`{cmd_name}` needs {error.name}: install lookalike[worker,web,embedded]"
            ) from None
        raise_at_interrupt()
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """List the verbs without loading any of them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, told) for name, (_, told) in VERBS.items()])


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings are environment variables LOOKALIKE_…; docs/settings.md lists them.",
)
@click.version_option(package_name="lookalike")
def lookalike() -> None:
    """Find repeated images in a live feed: exact near-duplicate search over perceptual hashes.

    Begin with `lookalike demo` to see it work, and with `lookalike up` to use it on this machine.
    """
    if any(name.startswith("LOOKALIKE_") and name not in PRODUCERS for name in os.environ):
        # Where a producer alone is installed, there are no other settings.
        with suppress(ModuleNotFoundError):
            from worker.misspelt import tell_misspelt  # noqa: PLC0415 - 60 ms, mostly for nothing

            tell_misspelt()


def main() -> None:
    """Run the command and end with its status; the help of each verb tells what they mean."""
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        # Before the verb was loaded.
        sys.exit(INTERRUPTED)


def _run() -> int:
    try:
        status = lookalike(prog_name="lookalike", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:
        # Loaded here: redis-py costs 60 ms, and most runs end without an error.
        from worker.outcomes import explain  # noqa: PLC0415

        outcome = explain(error)
        if outcome is None:
            raise
        click.echo(f"lookalike: {outcome.problem}", err=True)
        return outcome.status
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    main()
