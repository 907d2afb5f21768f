"""A dataset's schema as people write it down, read from a decoded JSON value."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from graph.errors import InvalidQueryError
from graph.queries.schema_comparison import Schema

_SHAPES = (
    "a list of {name, type}, an object of names and types, an OpenLineage schema facet, an Avro record"
    " or a JSON Schema with properties"
)


def read_schema(value: object) -> Schema:
    """Return the fields of a schema in their order, with their types where they are told.

    It may be a list of `{"name", "type"}`, an object of names and types, an OpenLineage schema facet, an Avro
    record, or a JSON Schema with `properties`. Of a JSON Schema only the outermost names count: its types
    are not those of a database. An Avro union with null is the other type of the two.

    Raises:
        InvalidQueryError: another shape, no field at all, a field without a name or one named twice.
    """
    found = list(_fields(value))
    if not found:
        raise InvalidQueryError("the schema has no field")
    twice = [name for name, times in Counter(name for name, _ in found).items() if times > 1]
    if twice:
        raise InvalidQueryError(f"the schema has two fields called {twice[0]}")
    return dict(found)


def _fields(value: object) -> Iterator[tuple[str, str | None]]:
    match value:
        case list():
            yield from _entries(value)
        case {"fields": list(entries)}:
            yield from _entries(entries)
        case {"properties": dict(properties)}:
            yield from ((name, None) for name in properties)
        case dict() if all(isinstance(said, str | None) for said in value.values()):
            yield from ((name, said) for name, said in value.items())
        case _:
            raise InvalidQueryError(f"that is no schema: it may be {_SHAPES}")


def _entries(entries: list[Any], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    for entry in entries:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise InvalidQueryError(f"a field of the schema has no name: {json.dumps(entry)[:100]}")
        type_, nested = _type_and_nested(entry)
        yield prefix + name, type_
        yield from _entries(nested, f"{prefix}{name}.")


def _type_and_nested(entry: Mapping[str, Any]) -> tuple[str | None, list[Any]]:
    """Return a field's type as text, and the fields nested in it."""
    said = entry.get("type")
    if isinstance(said, list):
        others = [each for each in said if each != "null"]
        said = others[0] if len(others) == 1 else None
    match said:
        case {"fields": list(nested)}:
            return None, nested
        case {"logicalType": "decimal", "precision": int(precision), **more}:
            return f"decimal({precision},{more.get('scale', 0)})", []
        case {"logicalType": str(word)} | {"type": str(word)}:
            return word, []
    inner = entry.get("fields")
    return said if isinstance(said, str) else None, inner if isinstance(inner, list) else []
