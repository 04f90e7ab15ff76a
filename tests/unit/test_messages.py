import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from producer import ImageMessage, InvalidMessageError, derived_id

URL = "https://example.org/a.jpg"

texts = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=200)
urls = st.builds(
    "{}://{}/{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["example.org", "пример.рф", "u:p@h.example:8080", "[2001:db8::1]:81", "10.0.0.1"]),
    st.text(
        st.characters(min_codepoint=0x21, exclude_characters="\x7f", exclude_categories=("Cs",)), max_size=60
    ),
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
messages = st.builds(
    ImageMessage.build,
    url=urls,
    id=texts,
    source=texts,
    scraped_at=st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    page_url=urls,
    meta=st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=8), json_values, max_size=3
    ),
    phash=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
)


def as_entry(message: ImageMessage) -> dict[bytes, bytes]:
    return {
        name.encode(): value if isinstance(value, bytes) else value.encode()
        for name, value in message.to_fields().items()
    }


@given(messages)
def test_an_entry_gives_back_the_message_that_was_written(message):
    assert ImageMessage.from_fields(as_entry(message)) == message


@given(
    st.dictionaries(st.sampled_from([b"url", b"id", b"meta", b"scraped_at", b"x"]), st.binary(max_size=50))
)
def test_any_entry_is_a_message_or_an_invalid_message(fields):
    try:
        message = ImageMessage.from_fields(fields)
    except InvalidMessageError as error:
        assert error.field  # noqa: PT017 - either outcome is right
    else:
        assert message.image_id


def test_only_fields_that_are_set_are_written():
    assert ImageMessage(url=URL).to_fields() == {"url": URL}


def test_every_field_is_written_as_the_contract_says():
    message = ImageMessage(
        url=URL,
        id="post-7",
        source="sharechat",
        scraped_at="2026-11-22T12:00:00+01:30",
        page_url="https://example.org/post/7",
        meta={"caption": "ñ", "likes": 3},
        phash="BA8C84536BD3C366",
    )

    assert message.to_fields() == {
        "url": URL,
        "id": "post-7",
        "source": "sharechat",
        "scraped_at": "2026-11-22T10:30:00Z",
        "page_url": "https://example.org/post/7",
        "meta": '{"caption":"ñ","likes":3}'.encode(),
        "phash": "ba8c84536bd3c366",
    }


@pytest.mark.parametrize("url", [URL, "https://example.org/ñ?q=1#x", "HTTP://EXAMPLE.ORG/%41"])
def test_the_derived_id_is_half_of_the_sha_256_of_the_urls_bytes(url):
    expected = hashlib.sha256(url.encode("utf-8")).hexdigest()[:32]

    assert derived_id(url) == ImageMessage(url=url).image_id == expected


def test_a_given_id_is_the_id():
    assert ImageMessage(url=URL, id="7").image_id == "7"


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({}, "url", "no url: a message needs one"),
        ({"url": ""}, "url", "url is empty"),
        ({"url": "ftp://example.org/a"}, "url", "its scheme is not one of http, https, file"),
        ({"url": "https:///a"}, "url", "names no host"),
        ({"url": "https://example.org/a b"}, "url", "contains a space or control character"),
        ({"url": "https://example.org/" + "a" * 8192}, "url", "url of 8212 characters: at most 8192"),
        ({"url": "https://example.org:99999/"}, "url", "cannot be parsed"),
        ({"url": "https://[::1/"}, "url", "cannot be parsed"),
        ({"url": URL, "colour": "red"}, "colour", "unknown field 'colour': a message has url, id, source"),
        ({"url": URL, "id": ""}, "id", "id is empty"),
        ({"url": URL, "id": "a" * 201}, "id", "of 201 characters: at most 200"),
        ({"url": URL, "id": "a\nb"}, "id", r"id 'a\nb' contains a control character"),
        ({"url": URL, "source": "a" * 201}, "source", "of 201 characters: at most 200"),
        ({"url": URL, "scraped_at": "yesterday"}, "scraped_at", "'yesterday' is no ISO 8601 date and time"),
        ({"url": URL, "scraped_at": "1700000000"}, "scraped_at", "is no ISO 8601 date and time"),
        ({"url": URL, "scraped_at": "2026-02-30"}, "scraped_at", "is no ISO 8601 date and time"),
        ({"url": URL, "scraped_at": "0001-01-01T00:00:00+05:00"}, "scraped_at", "is out of range"),
        ({"url": URL, "page_url": "javascript:alert(1)"}, "page_url", "page_url 'javascript:…'"),
        ({"url": URL, "page_url": "file:///etc/passwd"}, "page_url", "its scheme is not one of http, https"),
        ({"url": URL, "meta": "[1]"}, "meta", "must be a JSON object"),
        ({"url": URL, "meta": "{"}, "meta", "meta is no JSON"),
        ({"url": URL, "meta": '{"a":NaN}'}, "meta", "NaN is no JSON number"),
        ({"url": URL, "meta": '{"a":1e999}'}, "meta", "cannot be written as JSON"),
        ({"url": URL, "meta": '{"a":"\\ud800"}'}, "meta", "half a surrogate pair"),
        ({"url": URL, "meta": '{"a":' + "[" * 2000 + "]" * 2000 + "}"}, "meta", "nested too deeply"),
        ({"url": URL, "meta": json.dumps({"a": "b" * 4088})}, "meta", "meta of 4097 bytes: at most 4096"),
        ({"url": URL, "phash": "ba8c84536bd3c36"}, "phash", "is not 16 hex digits"),
    ],
)
def test_an_entry_that_breaks_the_contract_is_refused_by_name(fields, field, told):
    with pytest.raises(InvalidMessageError) as caught:
        ImageMessage.from_fields({name.encode(): value.encode() for name, value in fields.items()})

    assert told in str(caught.value)
    assert caught.value.field == field


@pytest.mark.parametrize("name", [b"url", b"id", b"\xff"])
def test_an_entry_that_is_not_utf_8_is_refused(name):
    with pytest.raises(InvalidMessageError, match="not UTF-8"):
        ImageMessage.from_fields({b"url": URL.encode(), name: b"\xff"})


@pytest.mark.parametrize(
    ("given_time", "kept"),
    [
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22 10:00:00.5", datetime(2026, 11, 22, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T10:00:00+05:30", datetime(2026, 11, 22, 4, 30, tzinfo=UTC)),
        (datetime(2026, 11, 22, 10), datetime(2026, 11, 22, 10, tzinfo=UTC)),  # noqa: DTZ001 - the case
        (
            datetime(2026, 11, 22, 10, tzinfo=timezone(timedelta(hours=1))),
            datetime(2026, 11, 22, 9, tzinfo=UTC),
        ),
    ],
)
def test_a_time_is_kept_in_utc(given_time, kept):
    assert ImageMessage.build(url=URL, scraped_at=given_time).scraped_at == kept


@pytest.mark.parametrize(("meta_bytes", "is_accepted"), [(4096, True), (4097, False)])
def test_meta_may_have_4096_bytes(meta_bytes, is_accepted):
    meta = {"a": "b" * (meta_bytes - len('{"a":""}'))}

    if is_accepted:
        assert len(ImageMessage.build(url=URL, meta=meta).to_fields()["meta"]) == meta_bytes
    else:
        with pytest.raises(InvalidMessageError, match="at most 4096"):
            ImageMessage.build(url=URL, meta=meta)


@pytest.mark.parametrize(
    ("name", "value"),
    [("url", 7), ("id", 7), ("source", b"x"), ("scraped_at", 1e9), ("meta", [1]), ("phash", 7)],
)
def test_a_value_of_another_type_is_refused_by_name(name, value):
    with pytest.raises(InvalidMessageError, match=f"^{name} of type "):
        ImageMessage.build(**{"url": URL, name: value})


def test_meta_that_is_no_json_is_refused():
    with pytest.raises(InvalidMessageError, match="meta cannot be written as JSON"):
        ImageMessage.build(url=URL, meta={"a": object()})


SECRET_URL = "https://user:SECRET@example.org/x?token=SECRET#SECRET"


@pytest.mark.parametrize(
    "fields",
    [
        {"url": SECRET_URL + " "},
        {"url": SECRET_URL, "page_url": SECRET_URL + " "},
        {"url": "ftp" + SECRET_URL},
        {"url": "user:SECRET@example.org/x"},
        {"url": "https:user:SECRET@example.org/x"},
        {"url": SECRET_URL, "id": SECRET_URL * 9},
        {"url": SECRET_URL, "meta": '{"a":"SECRET'},
        {"url": SECRET_URL, "scraped_at": SECRET_URL},
        {"url": SECRET_URL, "phash": SECRET_URL},
    ],
)
def test_no_message_shows_a_secret(fields):
    with pytest.raises(InvalidMessageError) as caught:
        ImageMessage.build(**fields)
    with pytest.raises(ValidationError) as plain:
        ImageMessage(**fields)

    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in str(plain.value)


def test_a_printed_message_shows_no_secret():
    message = ImageMessage(url=SECRET_URL)

    assert repr(message) == f"ImageMessage(url='https://example.org/x?…', id='{derived_id(SECRET_URL)}')"
    assert "SECRET" not in str(message)
