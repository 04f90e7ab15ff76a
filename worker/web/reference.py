"""Turns the OpenAPI description into what a person reads: operations by topic, their values, an example of each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from worker.web.tokens import required_scope

TOPICS = ("images", "search", "clusters", "alerts", "failures", "operation")

HASH = "b15fe6465121175e"
EXAMPLES = {
    "get /v1/search": f"'{{base}}/v1/search?hash={HASH}&max_distance=10'",
    "post /v1/search": "'{base}/v1/search' -F file=@photo.jpg",
    "post /v1/images": "'{base}/v1/images' -H 'Content-Type: application/json' "
    '-d \'{{"url": "https://example.org/a.jpg", "source": "tipline"}}\'',
    "get /v1/images/{image_id}": "'{base}/v1/images/copy%2F1'",
    "get /v1/clusters": "'{base}/v1/clusters?sort=last&min_size=3&limit=10'",
    "get /v1/clusters/{phash}": f"'{{base}}/v1/clusters/{HASH}'",
    "get /v1/clusters.csv": "-o clusters.csv '{base}/v1/clusters.csv?since=2026-11-01'",
    "get /v1/clusters.jsonl": "-o clusters.jsonl '{base}/v1/clusters.jsonl'",
    "get /v1/clusters.parquet": "-o clusters.parquet '{base}/v1/clusters.parquet'",
    "get /v1/alerts": "'{base}/v1/alerts?limit=10'",
    "get /v1/alerts/stream": "-N '{base}/v1/alerts/stream' -H 'Last-Event-ID: 0-0'",
    "get /v1/failures": "'{base}/v1/failures?reason=timed_out'",
    "post /v1/failures/retry": "'{base}/v1/failures/retry' -H 'Content-Type: application/json' "
    '-d \'{{"reason": "timed_out"}}\'',
    "get /v1/stats": "'{base}/v1/stats'",
    "get /healthz": "'{base}/healthz'",
    "get /readyz": "'{base}/readyz'",
    "get /metrics": "'{base}/metrics'",
}
"""What follows `curl` for each operation; a test runs them all."""


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter, or a field of an object. `refers` names the object that it holds, or is empty."""

    name: str
    place: str
    kind: str
    refers: str
    is_required: bool
    told: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of an operation."""

    status: int
    told: str
    refers: str
    media: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `anchor` is its place on the page, `scope` what a token needs, or empty."""

    anchor: str
    topic: str
    method: str
    path: str
    told: str
    scope: str
    values: list[Value]
    bodies: list[tuple[str, str]]
    replies: list[Reply]
    example: str


@dataclass(frozen=True, slots=True)
class Shape:
    """An object that operations take or give."""

    name: str
    told: str
    values: list[Value]


def read_operations(description: Mapping[str, Any], *, base: str) -> list[Operation]:
    """Give all operations, by topic."""
    found = [
        _operation(method, path, operation, base=base)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]
    return sorted(found, key=lambda operation: (TOPICS.index(operation.topic), operation.path))


def read_shapes(description: Mapping[str, Any]) -> list[Shape]:
    """Give all objects by name."""
    return [
        Shape(name, schema.get("description", ""), list(_fields(schema)))
        for name, schema in sorted(description["components"]["schemas"].items())
    ]


def is_about(operation: Operation, words: str, *, shapes: Iterable[Shape]) -> bool:
    """Tell whether all words stand somewhere in what is told of an operation, and of the objects that it names."""
    values = [*operation.values, *_values_behind(operation, {shape.name: shape for shape in shapes})]
    told = " ".join(f"{value.name} {value.told}" for value in values)
    text = f"{operation.method} {operation.path} {operation.told} {operation.topic} {told}".lower()
    return all(word in text for word in words.lower().split())


def _values_behind(operation: Operation, shapes: Mapping[str, Shape]) -> Iterator[Value]:
    """Give the fields of all objects that an operation takes or gives, those within others too."""
    names = [refers for _, refers in operation.bodies]
    names += [reply.refers for reply in operation.replies if reply.status < HTTPStatus.BAD_REQUEST]
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name in shapes and name not in seen:
            seen.add(name)
            yield from shapes[name].values
            names += [value.refers for value in shapes[name].values]


def _operation(method: str, path: str, operation: Mapping[str, Any], *, base: str) -> Operation:
    parameters = [
        _value(
            given["name"],
            given["schema"],
            given["in"],
            given.get("required", False),
            given.get("description"),
        )
        for given in operation.get("parameters", [])
    ]
    content = operation.get("requestBody", {}).get("content", {})
    return Operation(
        anchor=f"{method}{path}".replace("/", "-").strip("-").replace("{", "").replace("}", ""),
        topic=operation["tags"][0],
        method=method.upper(),
        path=path,
        told=operation["description"],
        scope=required_scope(method.upper(), path) or "",
        values=parameters,
        bodies=[(media, _refers(body["schema"])) for media, body in content.items()],
        replies=[_reply(status, reply) for status, reply in operation["responses"].items()],
        example=f"curl -s {EXAMPLES[f'{method} {path}'].format(base=base)}",
    )


def _reply(status: str, reply: Mapping[str, Any]) -> Reply:
    content: dict[str, Any] = reply.get("content", {})
    media = next(iter(content), "")
    body: dict[str, Any] = content.get(media, {})
    told = reply.get("description", "")
    if told == "Successful Response":
        told = HTTPStatus(int(status)).phrase
    return Reply(int(status), told, _refers(body.get("schema", {})), media)


def _fields(schema: Mapping[str, Any]) -> Iterator[Value]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield _value(name, field, "", name in required, field.get("description"))


def _value(name: str, schema: Mapping[str, Any], place: str, is_required: bool, told: str | None) -> Value:  # noqa: FBT001 - as OpenAPI has it
    kind = _kind(schema)
    default = schema.get("default")
    parts = [told or "", f"By default {default}" if default not in (None, "") else ""]
    return Value(name, place, kind, _refers(schema), is_required, ". ".join(filter(None, parts)))


def _kind(schema: Mapping[str, Any]) -> str:
    """Name a type with its limits in words."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(choice) for choice in schema["anyOf"]))
    if "$ref" in schema:
        return _last(schema["$ref"])
    if "enum" in schema or "const" in schema:
        return " or ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return f"{schema.get('type', 'anything')}{_limits(schema)}"


def _limits(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f", {schema['minimum']:,} to {schema['maximum']:,}"
    if "pattern" in schema:
        return f", {schema['pattern'].strip('^$')}"
    return f", at most {schema['maxLength']:,} characters" if "maxLength" in schema else ""


def _refers(schema: Mapping[str, Any]) -> str:
    """Give the first object that a type names; empty for none."""
    if "$ref" in schema:
        return _last(schema["$ref"])
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if isinstance(schema.get("items"), dict) else [])]
    return next(filter(None, map(_refers, inner)), "")


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]
