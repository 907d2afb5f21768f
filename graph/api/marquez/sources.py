"""Sources: what `dataSource` facets name, what was declared, and `default` for datasets without one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from graph.api.errors import not_found
from graph.api.marquez.declaring import declare
from graph.api.marquez.times import instant
from graph.store.base import LineageStore
from graph.store.catalog import Subject

DEFAULT = "default"
_TYPE = "POSTGRESQL"
"""What Marquez says of every source that an event names."""


def listed(store: LineageStore, limit: int, offset: int) -> dict[str, Any]:
    """Return a page of all sources by name."""
    known = _all(store)
    return {"sources": [known[name] for name in sorted(known)[offset : offset + limit]]}


def one(store: LineageStore, name: str) -> dict[str, Any]:
    """Return a source; 404 where there is none of this name."""
    found = _all(store).get(name)
    if found is None:
        raise not_found(f"Source '{name}' not found.")
    return found


def put(
    store: LineageStore, name: str, type_: str, connection_url: str, description: str | None
) -> dict[str, Any]:
    """Declare a source."""
    before = _all(store).get(name)
    said = {
        "type": type_,
        "connectionUrl": connection_url,
        "description": description if description is not None else (before or {}).get("description"),
        "createdAt": before["createdAt"] if before else instant(datetime.now(UTC)),
    }
    declare(store, f"source:{name}", said)
    return one(store, name)


def created(store: LineageStore) -> list[str]:
    """Return when each source was first named, in order of time."""
    return sorted(source["createdAt"] for source in _all(store).values())


def _all(store: LineageStore) -> dict[str, dict[str, Any]]:
    named = store.catalog.sources()
    heard = store.catalog.heard([key for _, key in named.values()])
    found = {}
    for name, (uri, key) in named.items():
        if key in heard:
            created = instant(heard[key].first)
            found[name] = _source(name, _TYPE, created, created, uri, None)
    if (first := store.catalog.first_without_source()) is not None:
        found.setdefault(DEFAULT, _source(DEFAULT, _TYPE, instant(first), instant(first), "", None))
    for one in store.catalog.declared(Subject.SOURCE):
        said = one.said
        found[one.name] = _source(
            one.name,
            said["type"],
            said["createdAt"],
            instant(one.at),
            said["connectionUrl"],
            said["description"],
        )
    return found


def _source(
    name: str, type_: str, created: str | None, updated: str | None, url: str, description: str | None
) -> dict[str, Any]:
    return {
        "type": type_,
        "name": name,
        "createdAt": created,
        "updatedAt": updated,
        "connectionUrl": url,
        "description": description,
    }
