"""Namespaces: those of datasets and jobs, those that were declared, and `default`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from graph.api.errors import not_found
from graph.api.marquez.declaring import declare, retract
from graph.api.marquez.times import instant
from graph.ingest.commands import commanded
from graph.nodes import Node
from graph.store.base import LineageStore
from graph.store.catalog import Declared, Heard, Subject
from graph.store.commands import CommandKind

ANONYMOUS = "anonymous"
DEFAULT = "default"
_DEFAULT_DESCRIPTION = (
    "The default global namespace for dataset, job, and run metadata not belonging to a user-specified"
    " namespace."
)
_STARTED = datetime.now(UTC)
_PAGE = 1000


def listed(store: LineageStore, limit: int, offset: int) -> dict[str, Any]:
    """Return a page of all namespaces by name, also of hidden ones."""
    known = store.catalog.namespaces()
    declared = {one.name: one for one in store.catalog.declared(Subject.NAMESPACE)}
    names = sorted({*known, *declared, DEFAULT})[offset : offset + limit]
    return {"namespaces": [_namespace(name, known.get(name), declared.get(name)) for name in names]}


def one(store: LineageStore, name: str) -> dict[str, Any]:
    """Return a namespace; 404 where there is none of this name."""
    require(store, name)
    known = store.catalog.namespaces(name)
    declared = store.catalog.declared(Subject.NAMESPACE, name)
    return _namespace(name, known.get(name), declared[0] if declared else None)


def require(store: LineageStore, name: str) -> None:
    """Raise 404 where there is no namespace of this name."""
    if name == DEFAULT or store.catalog.has_namespace(name):
        return
    if not store.catalog.declared(Subject.NAMESPACE, name):
        raise not_found(f"Namespace '{name}' not found.")


def put(store: LineageStore, name: str, owner: str, description: str | None) -> dict[str, Any]:
    """Declare a namespace, or its owner and its description, and show it again where it was hidden."""
    declared = store.catalog.declared(Subject.NAMESPACE, name)
    said = dict(declared[0].said) if declared else {"createdAt": instant(datetime.now(UTC))}
    said |= {"owner": owner, "updatedAt": instant(datetime.now(UTC))}
    if description is not None and not declared:
        said["description"] = description
    declare(store, f"namespace:{name}", said)
    return one(store, name)


def hide(store: LineageStore, name: str) -> dict[str, Any]:
    """Delete a namespace with all its datasets and jobs; return it as it was."""
    before = one(store, name)
    declared = store.catalog.declared(Subject.NAMESPACE, name)
    nodes: list[tuple[int, Node]] = []
    while page := store.catalog.datasets(name, limit=_PAGE, offset=len(nodes)).entries:
        nodes += page
    datasets = len(nodes)
    while page := store.catalog.jobs(name, states=None, limit=_PAGE, offset=len(nodes) - datasets).entries:
        nodes += page
    commands = [commanded(store, CommandKind.DELETE, node) for _, node in nodes]
    retract(store, f"namespace:{name}", dict(declared[0].said) if declared else {}, also=commands)
    return before


def _namespace(name: str, heard: Heard | None, declared: Declared | None) -> dict[str, Any]:
    said = declared.said if declared is not None else {}
    first = instant(heard.first) if heard is not None else None
    created = min(filter(None, (first, said.get("createdAt"))), default=instant(_STARTED))
    hidden = declared is not None and declared.gone and (heard is None or heard.last <= declared.at)
    description = said.get("description")
    return {
        "name": name,
        "createdAt": created,
        "updatedAt": said.get("updatedAt", created),
        "ownerName": said.get("owner", ANONYMOUS),
        "description": _DEFAULT_DESCRIPTION if name == DEFAULT and description is None else description,
        "isHidden": hidden,
    }
