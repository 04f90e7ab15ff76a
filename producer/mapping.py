"""From the fields of a row, by whatever names, to messages of the contract."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

from producer.errors import InvalidMessageError
from producer.messages import ImageMessage
from producer.urls import has_scheme, show_name

URL_FIELDS = ("url", "image_url", "image_urls")
"""Names under which a row may have its URL; the last may be a list, as Scrapy writes it."""


@dataclass(frozen=True)
class FieldMapping:
    """Which field of a row becomes which of a message."""

    names: Mapping[str, str] = field(default_factory=dict)
    """The contract's name to the row's, where they differ."""
    meta_names: Sequence[str] = ()
    """Fields of the row that are collected in `meta`."""
    ignores_unknown: bool = False
    """Whether a field that is none of the contract's is left out; else it makes the row bad."""
    base_url: str = ""
    """What comes before names that are no URLs; empty for nothing."""
    source: str | None = None
    """The `source` of messages without one."""

    def choose_columns(self, columns: Sequence[str]) -> list[str]:
        """Give those of a table's columns that messages are made of.

        Raises:
            ValueError: There is none with a URL, there are two of a name, or one that the contract does not know.
        """
        if not columns:
            raise ValueError("the file is empty; a table begins with the names of its columns")
        if not any(name in columns for name in self._url_names):
            told = ", ".join(columns)[:200]
            raise ValueError(
                f"no column {' or '.join(self._url_names)}, but {told}: name it with --url-field, "
                f"or the format with --format text"
            )
        repeated = [name for name in columns if columns.count(name) > 1]
        if repeated:
            raise ValueError(f"two columns {repeated[0]!r}")
        self._check_unknown(columns)
        return [name for name in columns if name in self._known]

    def messages(self, values: Mapping[str, Any]) -> list[ImageMessage]:
        """Make the messages of one row, one for each of its URLs; empty fields are as good as none.

        Raises:
            InvalidMessageError: One of them breaks the contract.
        """
        self._check_unknown(values)
        urls = self._urls(values)
        fields = {name: _value(values.get(source)) for name, source in self._sources.items()}
        fields["meta"] = self._meta(values, fields["meta"])
        if fields["source"] is None:
            fields["source"] = self.source
        if isinstance(fields["id"], int) and not isinstance(fields["id"], bool):
            fields["id"] = str(fields["id"])
        if fields["id"] is not None and len(urls) > 1:
            raise InvalidMessageError(
                f"id names one image, and here are {len(urls)}: name another field with --id-field",
                field="id",
            )
        given = {name: value for name, value in fields.items() if value is not None}
        return [ImageMessage.build(url=self._complete(url), **given) for url in urls]

    @cached_property
    def _url_names(self) -> Sequence[str]:
        return (self.names["url"],) if "url" in self.names else URL_FIELDS

    @cached_property
    def _known(self) -> frozenset[str]:
        """Every name that a row may have."""
        return frozenset({*self._sources.values(), *self._url_names, *self.meta_names})

    @cached_property
    def _sources(self) -> dict[str, str]:
        """The row's name of each of the contract's, but for the URL."""
        return {name: self.names.get(name, name) for name in ImageMessage.model_fields if name != "url"}

    def _check_unknown(self, names: Mapping[str, Any] | Sequence[str]) -> None:
        if self.ignores_unknown:
            return
        for name in names:
            if name not in self._known:
                raise InvalidMessageError(
                    f"unknown field {name[:60]!r}: keep it with --meta-field, "
                    f"or leave out all such fields with --ignore-unknown",
                    field=name,
                )

    def _urls(self, values: Mapping[str, Any]) -> list[Any]:
        given = {name: values[name] for name in self._url_names if values.get(name) not in (None, "", [])}
        if not given:
            raise InvalidMessageError(f"no {' or '.join(self._url_names)}: a message needs one", field="url")
        if len(given) > 1:
            raise InvalidMessageError(f"{' and '.join(given)}: one of them is enough", field="url")
        (value,) = given.values()
        if isinstance(value, str) and value.startswith("["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise InvalidMessageError(
                    "url begins with a bracket and is no JSON list", field="url"
                ) from None
        return value if isinstance(value, list) else [value]

    def _complete(self, url: Any) -> Any:  # noqa: ANN401 - the message checks it
        if not isinstance(url, str):
            return url
        url = url.strip()
        if not self.base_url:
            if url and not has_scheme(url):
                raise InvalidMessageError(
                    f"url {show_name(url)} is no URL: write it whole, with https://, "
                    f"or give with --base-url what comes before such names",
                    field="url",
                )
            return url
        if "://" in url[:10]:
            return url
        glue = "" if self.base_url.endswith(("/", "=", "?", "&")) else "/"
        try:
            return f"{self.base_url}{glue}{quote(url.removeprefix('/'), errors='surrogateescape')}"
        except UnicodeEncodeError:
            raise InvalidMessageError("url holds half a surrogate pair", field="url") from None

    def _meta(self, values: Mapping[str, Any], meta: Any) -> Any:  # noqa: ANN401 - the message checks it
        collected = {name: values[name] for name in self.meta_names if values.get(name) not in (None, "")}
        if not collected:
            return meta
        if isinstance(meta, str):
            try:
                meta = json.loads(meta)
            except (ValueError, RecursionError):
                return meta
        return {**(meta or {}), **collected} if meta is None or isinstance(meta, dict) else meta


def _value(value: Any) -> Any:  # noqa: ANN401 - the message checks it
    return None if value == "" else value
