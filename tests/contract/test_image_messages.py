"""The contract in: golden entries, and the schema that producers validate with."""

import json
import re
from pathlib import Path

import pytest

from producer import ImageMessage, InvalidMessageError
from producer.schema import message_schema

FOLDER = Path(__file__).parent
DOCS = FOLDER.parent.parent / "docs"
ENTRIES = json.loads((FOLDER / "entries.json").read_text())


def as_fields(entry):
    return {name.encode(): value.encode() for name, value in entry.items()}


@pytest.mark.parametrize("golden", [golden for golden in ENTRIES if "message" in golden])
def test_a_golden_entry_is_the_message_that_producers_were_promised(golden):
    message = ImageMessage.from_fields(as_fields(golden["entry"]))

    assert message.image_id == golden["id"]
    assert message.model_dump(mode="json", exclude_none=True) == golden["message"]


@pytest.mark.parametrize("golden", [golden for golden in ENTRIES if "problem" in golden])
def test_a_golden_bad_entry_is_refused_in_the_same_words(golden):
    with pytest.raises(InvalidMessageError) as caught:
        ImageMessage.from_fields(as_fields(golden["entry"]))

    assert (caught.value.field, str(caught.value)) == (golden["field"], golden["problem"])


def test_the_schema_in_the_docs_is_that_of_the_code():
    assert json.loads((DOCS / "image-message.schema.json").read_text()) == message_schema()


def test_the_page_on_the_contract_lists_every_field_in_its_order():
    told = re.findall(r"^\| `([a-z_]+)` \| (?:yes)? ?\|", (DOCS / "contract.md").read_text(), re.MULTILINE)

    assert told == list(ImageMessage.model_fields)
