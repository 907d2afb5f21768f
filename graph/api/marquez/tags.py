"""Tags: those that anything has, those that were declared, and the two that Marquez starts with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graph.api.marquez import facets
from graph.api.marquez.declaring import declare
from graph.api.marquez.facets import Texts
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


def tags_by_field(texts: Texts, given: Iterable[Given]) -> dict[str | None, list[str]]:
    """Return the tags of a dataset or job by field, sorted: None is the dataset or job itself."""
    tags: dict[str | None, set[str]] = {}
    for one in facets.tags(texts):
        tags.setdefault(one.field or None, set()).add(one.key)
    for field, name, gone in given:
        named = tags.setdefault(field, set())
        named.discard(name) if gone else named.add(name)
    return {field: sorted(names) for field, names in tags.items()}
