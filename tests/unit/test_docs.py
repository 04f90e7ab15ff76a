"""What the docs must tell completely: keys, reasons, verbs."""

import re
from pathlib import Path

from worker.cli import VERBS
from worker.errors import REASONS
from worker.keyspace import KEYS, Keyspace

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def _table(page: Path) -> dict[str, str]:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", page.read_text(), re.MULTILINE)
    return {name: second.strip() for name, second in rows}


def test_the_page_on_the_data_layout_lists_every_key_and_its_type():
    assert _table(DOCS / "data-layout.md") == KEYS


def test_the_keyspace_names_no_key_beyond_the_table():
    keyspace = Keyspace("default")
    named = {
        value.removeprefix(keyspace.prefix)
        for value in vars(keyspace).values()
        if value.startswith(keyspace.prefix) and value != keyspace.prefix
    }

    assert named <= set(KEYS)


def test_the_page_on_failures_lists_every_reason_in_its_order():
    assert tuple(_table(DOCS / "failures.md")) == REASONS


def test_the_page_on_commands_lists_every_verb_in_its_order():
    told = re.findall(r"^## `lookalike ([a-z]+)", (DOCS / "commands.md").read_text(), re.MULTILINE)

    assert list(dict.fromkeys(told)) == list(VERBS)


def test_every_link_between_pages_leads_somewhere():
    broken = [
        f"{page.name}: {target}"
        for page in [ROOT / "README.md", *DOCS.rglob("*.md")]
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert broken == []
