"""One shortest path along which data flows from one node to another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from graph.errors import InvalidQueryError
from graph.nodes import Node, NodeType
from graph.queries.answer import Answer
from graph.queries.draft import Draft
from graph.queries.names import resolve
from graph.queries.walk import distances, graph_of
from graph.records import Direction, Edge, EdgeKind
from graph.store.base import LineageReader


def path(
    reader: LineageReader, source: Node | str | Sequence[str], target: Node | str | Sequence[str]
) -> Answer:
    """Return a shortest path from source to target, with the jobs on its edges; no nodes when there is none.

    Nodes come in the order of the path, `distance` counts hops from the source. Of several shortest paths
    always the same one is given. Between a field and a dataset the path runs over the dataset's fields.

    Raises:
        UnknownNameError, AmbiguousNameError: a name is not that of one node.
        InvalidQueryError: one end is a job and the other a field: no edge leads from one to the other.
    """
    start, end = resolve(reader, source), resolve(reader, target)
    query = {"question": "path", "source": start.id, "target": end.id}
    draft = Draft()
    if start == end:
        draft.place(start.key, 0)
        return draft.finish(reader, query)
    types = {start.type, end.type}
    if types == {NodeType.JOB, NodeType.FIELD}:
        raise InvalidQueryError(f"no edge joins {start.id} and {end.id}: ask for the field's dataset instead")
    edges = _between(reader, start, end)
    keys = _shortest(edges, _ends(reader, start, types), _ends(reader, end, types))
    for distance, key in enumerate(keys):
        draft.place(key, distance, keys[max(distance - 1, 0) : distance])
    steps = set(pairwise(keys))
    draft.link(edge for edge in edges if (edge.source, edge.target) in steps)
    return draft.finish(reader, query)


def _ends(reader: LineageReader, node: Node, types: Collection[NodeType]) -> list[int]:
    """Return the keys that stand for an end: a dataset opposite a field stands for its fields."""
    if node.type is NodeType.DATASET and NodeType.FIELD in types:
        return sorted(each.key for each in reader.fields(node))
    return [node.key]


def _between(reader: LineageReader, start: Node, end: Node) -> list[Edge]:
    """Return the edges that a path from start to end may use."""
    kind = EdgeKind.FIELD if NodeType.FIELD in (start.type, end.type) else EdgeKind.FEEDS
    edges: list[Edge] = []
    starts = _ends(reader, start, (start.type, end.type))
    if start.type is NodeType.JOB:
        edges += reader.incident([start.key], EdgeKind.WRITES, Direction.DOWNSTREAM)
        starts = sorted({edge.target for edge in edges})
    if starts:
        edges += reader.closure(starts, kind, Direction.DOWNSTREAM)
    if end.type is NodeType.JOB:
        edges += reader.incident([end.key], EdgeKind.READS, Direction.UPSTREAM)
    return edges


def _shortest(edges: Collection[Edge], starts: Collection[int], goals: Collection[int]) -> list[int]:
    """Return the keys along a shortest path, always the same one of several; empty where there is none."""
    graph = graph_of(edges, Direction.DOWNSTREAM)
    reached = distances(graph, starts)
    arrived = [key for key in goals if key in reached]
    if not arrived:
        return []
    keys = [min(arrived, key=lambda key: (reached[key], key))]
    while reached[keys[-1]] > 0:
        nearer = reached[keys[-1]] - 1
        keys.append(min(key for key in graph.predecessors(keys[-1]) if reached.get(key) == nearer))
    return keys[::-1]
