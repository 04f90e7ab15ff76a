"""`lookalike completion`: what makes a shell complete verbs, options and their values."""

import click
from click.shell_completion import get_completion_class

from worker.commands.output import exit_statuses

SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog=f"""\b
Examples:
  eval "$(lookalike completion bash)"       # in ~/.bashrc
  eval "$(lookalike completion zsh)"        # in ~/.zshrc, behind compinit
  lookalike completion fish > ~/.config/fish/completions/lookalike.fish

{exit_statuses({69: "", 78: "", 130: ""})}"""
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print a script for the shell that completes verbs, options, their values and files.

    Bash needs to be 4.4 or newer.
    """
    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"this version of click does not know {shell}")
    click.echo(script(context.find_root().command, {}, "lookalike", "_LOOKALIKE_COMPLETE").source())
