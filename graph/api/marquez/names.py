"""From the node ids and names of requests to what they name: read against known names, never by guessing."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from graph import nodes
from graph.api.errors import not_found
from graph.api.marquez.namespaces import require
from graph.nodes import Node, NodeType
from graph.store.base import LineageStore

_MOST_READINGS = 10_000
"""How many readings of a node id are looked at: one with 140 colons may have as many."""

_LOOKED_UP = 64
"""How many readings are asked about one by one."""


class Asked(NamedTuple):
    """The node that a request names, and the version of it that it asks for."""

    node: Node
    version: str | None


def node_of(store: LineageStore, node_id: str) -> Asked:
    """Return what a node id names, with or without `#VERSION`; 404 where there is nothing of the kind."""
    found = _known(store, node_id)
    if found is not None:
        return Asked(found, None)
    before, sign, version = node_id.rpartition("#")
    found = _known(store, before) if sign else None
    if found is not None:
        return Asked(found, version)
    readings = list(islice(nodes.splits(node_id), 2))
    if len(readings) == 1 and readings[0].type is not NodeType.FIELD:
        raise not_found(f"{readings[0].type.value.capitalize()} '{readings[0].name}' not found.")
    raise not_found(f"Node '{node_id}' not found.")


def _known(store: LineageStore, node_id: str) -> Node | None:
    readings = list(islice(nodes.splits(node_id), _MOST_READINGS))
    known = store.nodes([node.key for node in readings])
    for node in readings:
        # One with a further name for its dataset has no node of its own: those are looked up one by one.
        if node.key in known and (found := store.lookup(node)) is not None:
            return found
    for node in readings[:_LOOKED_UP]:
        if (found := store.lookup(node)) is not None:
            return found
        if node.type is NodeType.JOB and (found := renamed_job(store, node.namespace, node.name)) is not None:
            return found
    return None


def dataset(store: LineageStore, namespace: str, name: str) -> Node:
    """Return a dataset by any of its names; 404 where there is no such namespace or dataset."""
    found = store.lookup(nodes.dataset(namespace, name))
    if found is None:
        require(store, namespace)
        raise not_found(f"Dataset '{name}' not found.")
    return found


def job(store: LineageStore, namespace: str, name: str) -> Node:
    """Return a job; 404 where there is no such namespace or job."""
    found = store.lookup(nodes.job(namespace, name))
    if found is None:
        require(store, namespace)
        raise not_found(f"Job '{name}' not found.")
    return found


def renamed_job(store: LineageStore, namespace: str, name: str) -> Node | None:
    """Return the job that Marquez would call so.

    It puts the name of the parent before that of the job, and the parent in the namespace of the job. None
    where a job has this very name, or none is meant.
    """
    if store.lookup(nodes.job(namespace, name)) is not None:
        return None
    return _child(store, namespace, name) or _parent(store, namespace, name)


def _child(store: LineageStore, namespace: str, name: str) -> Node | None:
    dots = [place for place, char in enumerate(name) if char == "." and place > 0][:_LOOKED_UP]
    readings = {nodes.job(namespace, name[place + 1 :]).key: name[:place] for place in dots}
    known = store.nodes(readings)
    parents = store.parents(known)
    for key, parent in readings.items():
        if key in parents and parents[key].name == parent and store.lookup(known[key]) is not None:
            return known[key]
    return None


def _parent(store: LineageStore, namespace: str, name: str) -> Node | None:
    called = {node.key: node for node in store.named(name, [NodeType.JOB]) if node.name == name}
    for key, below in sorted(store.children(called).items()):
        if any(child.namespace == namespace for child in below):
            return called[key]
    return None


def field(store: LineageStore, of: Node, name: str) -> Node:
    """Return a field of a dataset; 404 where it has none of this name."""
    found = nodes.field(of.namespace, of.name, name)
    if found not in store.fields(of):
        raise not_found(f"Field '{name}' not found for dataset '{of.name}'.")
    return found
