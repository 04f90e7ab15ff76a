from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer import ImageMessage, InvalidMessageError
from producer.mapping import FieldMapping

A, B = "https://example.org/a.jpg", "https://example.org/b.jpg"


@pytest.mark.parametrize(
    ("values", "messages"),
    [
        ({"url": A}, [{"url": A}]),
        ({"url": f" {A} "}, [{"url": A}]),
        ({"image_url": A, "id": "7"}, [{"url": A, "id": "7"}]),
        ({"image_urls": [A, B], "source": "x"}, [{"url": A, "source": "x"}, {"url": B, "source": "x"}]),
        ({"image_urls": f'["{A}", "{B}"]'}, [{"url": A}, {"url": B}]),
        ({"url": A, "image_url": "", "image_urls": []}, [{"url": A}]),
        ({"url": A, "id": 7}, [{"url": A, "id": "7"}]),
        ({"url": A, "id": "", "source": None, "scraped_at": "", "meta": "", "page_url": ""}, [{"url": A}]),
        ({"url": A, "meta": '{"a": 1}'}, [{"url": A, "meta": {"a": 1}}]),
    ],
)
def test_a_row_gives_a_message_for_each_of_its_urls(values, messages):
    assert FieldMapping().messages(values) == [ImageMessage(**message) for message in messages]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "no url or image_url or image_urls: a message needs one"),
        ({"url": ""}, "no url or image_url or image_urls"),
        ({"url": A, "image_urls": [B]}, "url and image_urls: one of them is enough"),
        ({"image_urls": [A, B], "id": "7"}, "id names one image, and here are 2"),
        ({"image_urls": [A, "ftp://b"]}, "its scheme is not one of"),
        ({"image_urls": [A, 7]}, "url of type int: it must be text"),
        (
            {"url": "a b.jpg"},
            "url 'a b.jpg' is no URL: write it whole, with https://, or give with --base-url",
        ),
        ({"url": "12:30 b.jpg"}, "url '12:30 b.jpg' is no URL"),
        ({"url": "//u:SECRET@a.org/b.jpg?SECRET"}, r"url 'a\.org/b\.jpg\?…' is no URL"),
        ({"url": "[oops"}, "url begins with a bracket and is no JSON list"),
        ({"url": A, "colour": "red"}, "unknown field 'colour': keep it with --meta-field"),
        ({"url": A, "id": True}, "id of type bool"),
    ],
)
def test_a_row_that_breaks_the_contract_is_refused(values, told):
    with pytest.raises(InvalidMessageError, match=told):
        FieldMapping().messages(values)


def test_fields_may_have_other_names():
    mapping = FieldMapping(
        names={"url": "link", "id": "post"}, meta_names=["likes", "text"], ignores_unknown=True
    )

    (message,) = mapping.messages(
        {"link": A, "post": 7, "likes": 3, "text": "", "meta": '{"a":1}', "z": 0, "url": B}
    )

    assert message == ImageMessage(url=A, id="7", meta={"a": 1, "likes": 3})


def test_the_given_source_is_for_messages_without_one():
    mapping = FieldMapping(source="telegram")

    assert mapping.messages({"url": A})[0].source == "telegram"
    assert mapping.messages({"url": A, "source": "x"})[0].source == "x"


@pytest.mark.parametrize(
    ("base_url", "name", "url"),
    [
        ("https://b.org", "a.jpg", "https://b.org/a.jpg"),
        ("https://b.org/", "/x/a.jpg", "https://b.org/x/a.jpg"),
        ("https://b.org/get?name=", "a b?.jpg", "https://b.org/get?name=a%20b%3F.jpg"),
        ("https://b.org/x", "100%.jpg", "https://b.org/x/100%25.jpg"),
        ("https://b.org/x", "a\udcff.jpg", "https://b.org/x/a%FF.jpg"),
        ("https://b.org", A, A),
    ],
)
def test_names_become_urls_below_the_base(base_url, name, url):
    assert FieldMapping(base_url=base_url).messages({"url": name})[0].url == url


@given(
    st.text(st.characters(exclude_categories=("Cs", "Zs", "Cc", "Zl", "Zp")), min_size=1).filter(
        lambda name: "://" not in name and name[0] not in "/[" and name.strip() == name
    )
)
def test_a_name_can_be_read_back_from_its_url(name):
    (message,) = FieldMapping(base_url="https://b.org/x/").messages({"url": name})

    assert unquote(urlsplit(message.url).path.removeprefix("/x/")) == name


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([], "the file is empty"),
        (["https://a.org/1"], "no column url or image_url or image_urls, but https://a.org/1: name it"),
        (["url", "id", "id"], "two columns 'id'"),
        (["url", "likes"], "unknown field 'likes'"),
    ],
)
def test_a_table_without_usable_columns_is_refused_as_a_whole(columns, told):
    with pytest.raises(ValueError, match=told):
        FieldMapping().choose_columns(columns)


@given(
    st.dictionaries(
        st.sampled_from(["url", "image_urls", "id", "meta", "source", "scraped_at", "x"]),
        st.none() | st.text() | st.integers() | st.lists(st.text() | st.integers()) | st.booleans(),
    ),
    st.sampled_from(["", "https://b.org"]),
)
def test_any_row_gives_messages_or_is_refused(values, base_url):
    mapping = FieldMapping(base_url=base_url, meta_names=["x"])
    try:
        messages = mapping.messages(values)
    except InvalidMessageError:
        return
    assert messages
