"""The command `lookalike`, and `python -m worker`: prepared for Ctrl-C before anything heavy is loaded."""

from worker.loading import end_at_interrupt


def main() -> None:
    """Run the command and end with its status."""
    end_at_interrupt()
    from worker.cli import main as run  # noqa: PLC0415 - 100 ms, in which somebody may press Ctrl-C

    run()


if __name__ == "__main__":
    main()
