"""Variables that look like a setting and are none: what a misspelt one was to say holds nowhere."""

import os
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from worker.settings import PREFIX, Settings

_OTHERS = frozenset(
    f"{PREFIX}{name}"
    for name in (
        # deploy/: whose password goes into the server's URL, and where; what is backed up.
        *("USER", "USERS", "SERVER", "SERVER_CONFIG", "SECRETS", "DATA", "PORT"),
        # docker-compose.yml.
        *(
            "VERSION",
            "SERVER_IMAGE",
            "SERVER_PROGRAM",
            "MAXMEMORY",
            "PAGE",
            "PAGE_MEMORY",
            "WORKER_MEMORY",
            "LOCK",
        ),
    )
)
_OF_TESTS = f"{PREFIX}TEST_"
_LIKENESS = 0.65


def find_misspelt(variables: Iterable[str]) -> list[str]:
    """Give a sentence for each variable that is no setting, with the one that was perhaps meant."""
    settings = {name.upper(): f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    told = []
    for variable in sorted(variables):
        name = variable.removeprefix(PREFIX)
        is_known = name.upper() in settings or variable in _OTHERS or variable.startswith(_OF_TESTS)
        if name == variable or is_known:
            continue
        close = get_close_matches(name.upper(), settings, n=1, cutoff=_LIKENESS)
        hint = f"; did you mean {settings[close[0]]}?" if close else ": `lookalike config` lists all"
        told.append(f"{variable} is no setting{hint}")
    return told


@cache
def tell_misspelt() -> None:
    """Tell of this process's environment on stderr, once; never a value. An empty variable counts as not set.

    A process that `up` or the demo started says nothing: its starter has.
    """
    if "--with-starter" not in sys.argv:
        for told in find_misspelt(name for name, value in os.environ.items() if value):
            sys.stderr.write(f"lookalike: {told}\n")
