"""The field names of a schema facet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def field_names(fields: Any, prefix: str = "") -> Iterator[str]:
    """Yield the names in `fields` of a schema facet in its order; a nested field is named `outer.inner`."""
    for entry in fields if isinstance(fields, list) else ():
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name:
            yield prefix + name
            yield from field_names(entry.get("fields"), f"{prefix}{name}.")
