"""Tags: those that anything has, those that were declared, and the two that Marquez starts with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graph.api.marquez.declaring import declare
from graph.store.base import LineageStore
from graph.store.catalog import Given, Subject

_BUILT_IN = {
    "PII": "Personally identifiable information",
    "SENSITIVE": "Contains sensitive information",
}


def listed(store: LineageStore, limit: int, offset: int) -> dict[str, Any]:
    """Return a page of all tags by name."""
    known: dict[str, Any] = {**dict.fromkeys(store.catalog.tags()), **_BUILT_IN}
    known |= {one.name: one.said.get("description") for one in store.catalog.declared(Subject.TAG)}
    names = sorted(known)[offset : offset + limit]
    return {"tags": [{"name": name, "description": known[name]} for name in names]}


def put(store: LineageStore, name: str, description: str | None) -> dict[str, Any]:
    """Declare a tag; without a description it keeps the one that it has."""
    if description is None:
        declared = store.catalog.declared(Subject.TAG, name)
        description = declared[0].said.get("description") if declared else _BUILT_IN.get(name)
    declare(store, f"tag:{name}", {"description": description})
    return {"name": name, "description": description}


def tags_by_field(
    facets: Mapping[str, Mapping[str, Any]], given: Iterable[Given]
) -> dict[str | None, list[str]]:
    """Return the tags of a dataset or job by field, sorted: None is the dataset or job itself."""
    tags: dict[str | None, set[str]] = {}
    listed = facets.get("tags", {}).get("tags")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("key"), str) and one["key"]:
            field = one.get("field")
            tags.setdefault(field if isinstance(field, str) and field else None, set()).add(one["key"])
    for field, name, gone in given:
        named = tags.setdefault(field, set())
        named.discard(name) if gone else named.add(name)
    return {field: sorted(names) for field, names in tags.items()}
