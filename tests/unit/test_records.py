"""A record keeps what it was given, in few bytes."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from producer.messages import derived_id
from worker.records import FORMATS, ImageFacts, Record, iso_time, pack_body, unpack_record

times = st.integers(0, 2**47)
texts = st.text(max_size=200).filter(lambda text: text.isprintable())


@st.composite
def images(draw):
    url = draw(st.text(min_size=1, max_size=300).filter(str.isprintable))
    return ImageFacts(
        id=draw(st.sampled_from([derived_id(url), "post-17", "ü" * 200])),
        url=url,
        phash=draw(st.integers(0, 2**64 - 1)),
        source=draw(texts),
        page_url=draw(texts),
        meta=draw(texts),
        scraped_at_ms=draw(times),
        width=draw(st.integers(0, 2**32 - 1)),
        height=draw(st.integers(0, 2**32 - 1)),
        format=draw(st.sampled_from(FORMATS)),
        sha256=draw(st.binary(min_size=32, max_size=32)),
    )


def test_empty_strings_at_the_end_take_no_bytes():
    bare = ImageFacts(id=derived_id("https://a/1"), url="https://a/1", phash=0)
    named = ImageFacts(id=derived_id("https://a/1"), url="https://a/1", phash=0, source="x")

    assert (len(pack_body(bare)), len(pack_body(named))) == (47 + 2 + 11, 47 + 2 + 11 + 2 + 2 + 1)


def _as_stored(record: Record) -> bytes:
    """Write the header as record.lua does."""
    return (
        struct.pack(">B8s", record.is_done, record.image.phash.to_bytes(8, "big"))
        + record.seen_at_ms.to_bytes(6, "big")
        + struct.pack(">IIII", record.horizon, record.rank, record.first, record.previous)
        + pack_body(record.image)
    )


@given(images(), times, st.integers(0, 2**32 - 1), st.booleans())
def test_a_record_reads_back_as_it_was_filed(image, seen_at_ms, number, is_done):
    record = Record(7, image, seen_at_ms, number, 3, 1, 5, is_done)

    assert unpack_record(7, _as_stored(record)) == record


def test_a_derived_id_costs_nothing():
    url = "https://example.org/a.jpg"
    derived = ImageFacts(id=derived_id(url), url=url, phash=1)
    own = ImageFacts(id="x" * 32, url=url, phash=1)

    assert len(pack_body(derived)) == len(pack_body(own)) - 2 - 32


def test_times_are_told_in_utc_with_milliseconds():
    assert iso_time(1_795_344_952_560) == "2026-11-22T10:55:52.560Z"
    assert iso_time(0) is None
