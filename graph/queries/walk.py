"""Walking the graph from a node: fetch the neighbourhood once, then measure it with networkx.

A walk costs time linear in the edges it meets and holds no stack, so cycles, diamonds, chains of any length
and ladders of any number of paths end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import networkx as nx

from graph.errors import InvalidQueryError
from graph.nodes import Node, NodeType, dataset
from graph.queries.draft import Draft
from graph.queries.hierarchy import with_jobs_under
from graph.records import Direction, Edge, EdgeKind
from graph.store.base import LineageReader


def check_depth(depth: int | None) -> None:
    """Raise InvalidQueryError unless the depth is None (no bound) or at least 1."""
    if depth is not None and depth < 1:
        raise InvalidQueryError(f"depth is {depth}; it must be at least 1, or not given for no bound")


def ends(edge: Edge, direction: Direction) -> tuple[int, int]:
    """Return the nearer and the farther end of an edge for somebody who walks in this direction."""
    return (edge.source, edge.target) if direction is Direction.DOWNSTREAM else (edge.target, edge.source)


def steps(edges: Iterable[Edge], direction: Direction) -> list[tuple[int, int]]:
    """Return the `ends` of each edge."""
    if direction is Direction.DOWNSTREAM:
        return [(source, target) for _, source, target, *_ in edges]
    return [(target, source) for _, source, target, *_ in edges]


def graph_of(edges: Iterable[Edge], direction: Direction) -> nx.DiGraph[int]:
    """Return the edges as a graph whose arrows point the way of the walk."""
    return _graph_of(steps(edges, direction))


def _graph_of(hops: Iterable[tuple[int, int]]) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_edges_from(hops)
    return graph


def distances(graph: nx.DiGraph[int], starts: Collection[int]) -> dict[int, int]:
    """Return the least number of hops from the starts to each node that can be reached; the starts have 0."""
    graph.add_nodes_from(starts)
    layers = nx.bfs_layers(graph, list(starts))
    return {key: distance for distance, layer in enumerate(layers) for key in layer}


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk along one kind of edge met: the edges, and the hops to each node."""

    edges: Sequence[Edge] = ()
    reached: Mapping[int, int] = field(default_factory=dict)


def walk(
    reader: LineageReader,
    draft: Draft,
    starts: Collection[int],
    kind: EdgeKind,
    direction: Direction,
    depth: int | None,
    *,
    alone: bool = True,
) -> Walked:
    """Add to the draft what FEEDS or FIELD edges reach from the starts, and the starts themselves at 0.

    Starts that no edge leaves are left out unless `alone`.
    """
    if not starts:
        return Walked()
    edges = list(reader.closure(starts, kind, direction, depth))
    if not alone:
        starts = {ends(edge, direction)[0] for edge in edges}.intersection(starts)
    hops = steps(edges, direction)
    reached = distances(_graph_of(hops), starts)
    before: dict[int, set[int]] = defaultdict(set)
    for near, far in hops:
        if reached[far] == reached[near] + 1:
            before[far].add(near)
    for key, distance in reached.items():
        draft.place(key, distance, before.get(key, ()))
    draft.link(edges)
    return Walked(edges, reached)


def starts_of(
    reader: LineageReader, draft: Draft, node: Node, direction: Direction
) -> tuple[list[int], list[Edge]]:
    """Return the datasets that a walk starts at, and the edges that lead there from a job.

    A job is where the walk starts from what it writes (downstream) or reads (upstream): these stand at 0
    with it. Of a task or a DAG it is what the jobs under it write or read: they stand at 0, too.
    """
    if node.type is NodeType.DATASET:
        return [node.key], []
    kind = EdgeKind.WRITES if direction is Direction.DOWNSTREAM else EdgeKind.READS
    edges = list(reader.incident(with_jobs_under(reader, node), kind, direction))
    for key in {node.key, *(ends(edge, direction)[0] for edge in edges)}:
        draft.place(key, 0)
    draft.link(edges)
    return sorted({ends(edge, direction)[1] for edge in edges}), edges


def walk_datasets(
    reader: LineageReader, draft: Draft, node: Node, direction: Direction, depth: int | None
) -> Walked:
    """Add the datasets and jobs that a dataset or a job reaches; return the walk over its datasets."""
    starts, leading = starts_of(reader, draft, node, direction)
    walked = walk(reader, draft, starts, EdgeKind.FEEDS, direction, depth)
    add_jobs(reader, draft, walked, direction, depth, leading)
    return walked


def add_jobs(
    reader: LineageReader,
    draft: Draft,
    walked: Walked,
    direction: Direction,
    depth: int | None,
    leading: Iterable[Edge] = (),
) -> Mapping[int, Collection[int]]:
    """Add the jobs on the walked edges, and those that touch a walked dataset and stand on no edge of it.

    `leading` are the edges by which an asked job reaches the datasets that the walk started from. Returns
    the jobs behind each dataset.
    """
    on_edge: dict[int, set[int]] = defaultdict(set)
    bringing: dict[int, set[int]] = defaultdict(set)
    for near, far in steps(leading, direction):
        bringing[far].add(near)
    for edge, (near, far) in zip(walked.edges, steps(walked.edges, direction), strict=True):
        if edge.job is not None:
            on_edge[near].add(edge.job)
            if walked.reached[far] == walked.reached[near] + 1:
                bringing[far].add(edge.job)
    for edge in touching(reader, walked.reached, direction, depth):
        near, job = ends(edge, direction)
        if job not in on_edge[near]:
            draft.link((edge,))
            on_edge[near].add(job)
    for near, jobs in on_edge.items():
        for job in jobs:
            brought = bringing.get(near)
            draft.place(job, walked.reached[near] + 1, brought - {job} if brought else ())
    return on_edge


def touching(
    reader: LineageReader, reached: Mapping[int, int], direction: Direction, depth: int | None
) -> list[Edge]:
    """Return the edges from datasets to the jobs behind them, where the depth leaves room for a hop."""
    kind = EdgeKind.READS if direction is Direction.DOWNSTREAM else EdgeKind.WRITES
    near = [key for key, distance in reached.items() if depth is None or distance < depth]
    return list(reader.incident(near, kind, direction)) if near else []


def holders_of(fields: Mapping[int, Node]) -> dict[int, int]:
    """Return the keys of the datasets that hold fields, by the keys of the fields."""
    known: dict[tuple[str, str], int] = {}  # each name is hashed once
    found: dict[int, int] = {}
    for key, (_, namespace, name, _) in fields.items():
        holder = known.get((namespace, name))
        if holder is None:
            holder = known[namespace, name] = dataset(namespace, name).key
        found[key] = holder
    return found


def shown_targets(reader: LineageReader, targets: Collection[int]) -> set[tuple[int, int | None]]:
    """Return the (dataset, job) pairs where the job makes at least one field of the dataset from a field."""
    of_field = reader.columns(targets) if targets else {}
    edges = reader.incident(of_field, EdgeKind.FIELD, Direction.UPSTREAM) if of_field else ()
    return {(of_field[edge.target], edge.job) for edge in edges}
