"""The field names of a schema facet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def field_names(fields: Any) -> Iterator[str]:
    """Yield the names in `fields` of a schema facet in its order; a nested field is named `outer.inner`."""
    for name, _ in named_fields(fields):
        yield name


def column_names(fields: Any) -> Iterator[str]:
    """Yield the names of the columns in `fields` of a schema facet, without what is nested in them."""
    for entry in fields if isinstance(fields, list) else ():
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name:
            yield name


def named_fields(fields: Any, prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each name as `field_names` does, with what the facet says of the field."""
    for entry in fields if isinstance(fields, list) else ():
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name:
            yield prefix + name, entry
            yield from named_fields(entry.get("fields"), f"{prefix}{name}.")
