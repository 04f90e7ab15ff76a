"""The contract out: golden files and the schema that consumers validate with."""

import json
from pathlib import Path

from pydantic import TypeAdapter

from worker.clusters import ClusterStory
from worker.events import AlertEvent, Match, write_alert
from worker.records import ImageFacts, Record

FOLDER = Path(__file__).parent
SCHEMA = FOLDER.parent.parent / "docs" / "alert.schema.json"
UUID = "0123456789abcdef0123456789abcdef"


def _record(
    number: int, phash: int, *, rank: int = 0, seen_at_ms: int = 1_795_344_952_560, **image
) -> Record:
    facts = ImageFacts(id=f"id-{number}", url=f"https://example.org/{number}.jpg", phash=phash, **image)
    return Record(number, facts, seen_at_ms, horizon=number, rank=rank, first=0, previous=0, is_done=False)


def _golden_alert() -> str:
    first = _record(0, 0x87D03E7EE0259E85, source="sharechat", seen_at_ms=1_795_000_000_000)
    last = _record(3, 0x87D03E7EE0259E85, rank=1, seen_at_ms=1_795_100_000_001)
    copy = _record(2, 0x81D07FFFE0611A85, seen_at_ms=1_795_050_000_000)
    new = _record(
        4,
        0x81D07FFFE0611A85,
        rank=1,
        source="sharechat",
        page_url="https://example.org/post/4",
        meta='{"language":"हिन्दी"}',
        scraped_at_ms=1_795_344_000_000,
        width=400,
        height=533,
        format="JPEG",
    )
    match = Match(0x87D03E7EE0259E85, 10, ClusterStory(2, first, last))
    return write_alert(new, archive="default", uuid=UUID, copies=[copy], matches=[match], match_count=1)


def test_an_alert_is_what_consumers_were_promised():
    golden = json.loads((FOLDER / "alert.json").read_text())

    assert json.loads(_golden_alert()) == golden


def test_the_golden_alert_fits_its_schema():
    golden = json.loads((FOLDER / "alert.json").read_text())

    assert TypeAdapter(AlertEvent).validate_python(golden, strict=True) == golden


def test_the_schema_in_the_docs_is_that_of_the_code():
    assert json.loads(SCHEMA.read_text()) == TypeAdapter(AlertEvent).json_schema()
