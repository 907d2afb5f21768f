"""Why nothing is known downstream of something."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from graph.nodes import Node, NodeType, dataset
from graph.queries.hierarchy import with_jobs_under
from graph.records import Direction, EdgeKind
from graph.store.base import LineageReader

_DOWN = Direction.DOWNSTREAM
_NAMED = 5


def why_nothing_downstream(reader: LineageReader, node: Node) -> str | None:
    """Return a sentence that says why nothing is downstream of a node, None when something is."""
    if node.type is NodeType.FIELD:
        return _of_field(reader, node)
    if node.type is NodeType.DATASET:
        return _of_datasets(reader, node, [node.key])
    jobs = with_jobs_under(reader, node)
    written = {edge.target for edge in reader.incident(jobs, EdgeKind.WRITES, _DOWN)}
    if written:
        return _of_datasets(reader, node, written)
    said = f"nothing is known downstream of {node.label}: none of its events names an output"
    reads = {edge.source for edge in reader.incident(jobs, EdgeKind.READS, Direction.UPSTREAM)}
    return f"{said}; it reads {_names(reader, reads)}" if reads else said


def _of_datasets(reader: LineageReader, asked: Node, keys: Collection[int]) -> str | None:
    if any(edge.target not in keys for edge in reader.incident(keys, EdgeKind.FEEDS, _DOWN)):
        return None
    readers = {edge.target for edge in reader.incident(keys, EdgeKind.READS, _DOWN)} - {asked.key}
    what = "it" if asked.type is NodeType.DATASET else _names(reader, keys)
    why = (
        f"what reads {what} names no output ({_names(reader, readers)})"
        if readers
        else f"no event in the store names {what} as an input"
    )
    return f"nothing is known downstream of {asked.label}: {why}"


def _of_field(reader: LineageReader, node: Node) -> str | None:
    if any(edge.target != node.key for edge in reader.incident([node.key], EdgeKind.FIELD, _DOWN)):
        return None
    holder = dataset(node.namespace, node.name)
    why = _of_datasets(reader, holder, [holder.key])
    if why is not None:
        return why
    return f"no column lineage leads on from {node.label}, though {holder.label} feeds other datasets"


def _names(reader: LineageReader, keys: Iterable[int]) -> str:
    labels = sorted(node.label for node in reader.nodes(set(keys)).values())
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return ", ".join(labels[:_NAMED]) + more
