"""The contract in: one image to look at, as a message, and as the entry of a stream that carries it.

`docs/contract.md` tells it to producers in other languages.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, NoReturn, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from producer.errors import InvalidMessageError
from producer.fields import (
    MAX_ID_LENGTH,
    MAX_SOURCE_LENGTH,
    encode_meta,
    format_time,
    parse_id,
    parse_meta,
    parse_page_url,
    parse_phash,
    parse_source,
    parse_time,
    parse_url,
)
from producer.urls import MAX_URL_LENGTH, redact_url

SHOWN_LENGTH = 60
"""Characters of an offending name that a message shows."""


def derived_id(url: str) -> str:
    """Give the id of an image without one: half of the SHA-256 of its URL's bytes, nothing normalised."""
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def _text(max_length: int, **more: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": max_length, **more})


Url = Annotated[str, BeforeValidator(parse_url), _text(MAX_URL_LENGTH, format="iri")]
Id = Annotated[str, BeforeValidator(parse_id), _text(MAX_ID_LENGTH)]
Source = Annotated[str, BeforeValidator(parse_source), _text(MAX_SOURCE_LENGTH)]
Time = Annotated[datetime, BeforeValidator(parse_time), _text(40, format="date-time")]
PageUrl = Annotated[str, BeforeValidator(parse_page_url), _text(MAX_URL_LENGTH, format="iri")]
Meta = Annotated[dict[str, Any], BeforeValidator(parse_meta), WithJsonSchema({"type": "object"})]
Phash = Annotated[str, BeforeValidator(parse_phash), _text(16, pattern="^[0-9a-fA-F]{16}$")]


class ImageMessage(BaseModel):
    """One image to look at. Fields that are not set are not sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Url = Field(description="Where the image is: http, https, or file where the workers allow it")
    id: Id | None = Field(
        None,
        description="Names the image: the same id is the same image, recorded once. "
        "By default the first 32 hex digits of the SHA-256 of the URL's bytes as given",
    )
    source: Source | None = Field(None, description="Who found it: a platform, a channel, a scraper")
    scraped_at: Time | None = Field(None, description="When it was found: ISO 8601, in UTC unless it says")
    page_url: PageUrl | None = Field(None, description="The page or post that shows it: http or https")
    meta: Meta | None = Field(None, description="Anything else, at most 4,096 bytes; alerts hand it on")
    phash: Phash | None = Field(
        None, description="Its pHash, if known: ignored unless the workers set LOOKALIKE_TRUST_PHASH"
    )

    @classmethod
    def build(cls, **values: object) -> Self:
        """Check `values` and make a message of them.

        Raises:
            InvalidMessageError: A value breaks the contract.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            _explain(error)

    @classmethod
    def from_fields(cls, fields: Mapping[bytes, bytes]) -> Self:
        """Read the fields of a stream's entry, which any program may have written.

        Raises:
            InvalidMessageError: The entry breaks the contract.
        """
        values = {}
        for name, value in fields.items():
            try:
                values[name.decode()] = value.decode()
            except UnicodeDecodeError:
                shown = name.decode(errors="replace")[:SHOWN_LENGTH]
                raise InvalidMessageError(f"field {shown!r} is not UTF-8", field=shown) from None
        return cls.build(**values)

    def to_fields(self) -> dict[str, str | bytes]:
        """Give the fields of the entry for `XADD`, only those that are set."""
        fields: dict[str, str | bytes] = {"url": self.url}
        if self.id is not None:
            fields["id"] = self.id
        if self.source is not None:
            fields["source"] = self.source
        if self.scraped_at is not None:
            fields["scraped_at"] = format_time(self.scraped_at)
        if self.page_url is not None:
            fields["page_url"] = self.page_url
        if self.meta is not None:
            fields["meta"] = encode_meta(self.meta)
        if self.phash is not None:
            fields["phash"] = self.phash
        return fields

    def __repr_args__(self) -> Iterator[tuple[str, str]]:
        """Show no secrets where a message is printed or logged."""
        yield "url", redact_url(self.url)
        yield "id", self.image_id

    @property
    def image_id(self) -> str:
        """The id under which the image is recorded."""
        return self.id if self.id is not None else derived_id(self.url)


def build_message(**values: object) -> ImageMessage:
    """Make a message of the values that are not None, or raise InvalidMessageError."""
    return ImageMessage.build(**{name: value for name, value in values.items() if value is not None})


def _explain(error: ValidationError) -> NoReturn:
    """Raise the first problem as an `InvalidMessageError`, in the words of the check that found it."""
    problem = error.errors(include_url=False, include_input=False)[0]
    field = str(problem["loc"][0])[:SHOWN_LENGTH]
    match problem["type"]:
        case "missing":
            told = f"no {field}: a message needs one"
        case "extra_forbidden":
            told = f"unknown field {field!r}: a message has {', '.join(ImageMessage.model_fields)}"
        case "value_error":
            told = str(problem["ctx"]["error"])
        case _:
            told = f"{field}: {problem['msg']}"
    raise InvalidMessageError(told, field=field) from None
