"""Whether what somebody cares about is among what a change affects, and the way by which it is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import networkx as nx

from graph.nodes import Node, NodeType, dataset
from graph.queries.answer import Answer, AnswerEdge, AnswerNode, Impact
from graph.records import EdgeKind


@dataclass(frozen=True, slots=True)
class CriticalHit:
    """A thing named as critical: how surely it is affected, and one shortest way there.

    `impact` is None when nothing known leads to it, and `path` is empty then. Else the path goes from what
    changes to the node, the jobs on the way between the fields and datasets that they make.
    """

    node: Node
    impact: Impact | None = None
    path: tuple[Node, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the hit as it stands in the envelope."""
        return {
            "id": self.node.id,
            "impact": None if self.impact is None else self.impact.value,
            "path": [node.id for node in self.path],
        }


def find_critical(
    answer: Answer, starts: Sequence[Node], critical: Iterable[Node], *, lost: bool
) -> Iterator[CriticalHit]:
    """Yield what becomes of each critical node in an answer about a change.

    `starts` are the dataset and the fields that change. They are hit themselves when values are `lost`: when
    it is more than a field added. A job is hit too when one that ran under it is.
    """
    marks = {each.node: each.impact for each in answer.nodes}
    for node in critical:
        if node in starts:
            own = starts[1:2] if node == starts[0] else []
            yield CriticalHit(node, Impact.DIRECT, (*own, node)) if lost else CriticalHit(node)
            continue
        hit = _hit(answer.nodes, marks, node) or _in_unknown_dataset(answer, node)
        if hit is None:
            yield CriticalHit(node)
            continue
        impact, reached = hit
        path = _path(answer, starts, reached, impact)
        yield CriticalHit(node, impact, path if reached == node else (*path, node))


def _hit(
    nodes: Sequence[AnswerNode], marks: Mapping[Node, Impact | None], node: Node
) -> tuple[Impact, Node] | None:
    """Return how surely a node is hit, and by which node of the answer: itself or a job that ran under it."""
    found = marks.get(node)
    if found is not None:
        return found, node
    below = [(each.impact, each.node) for each in nodes if each.impact is not None and node in each.parents]
    order = list(Impact)
    return min(below, key=lambda hit: order.index(hit[0]), default=None)


def _in_unknown_dataset(answer: Answer, node: Node) -> tuple[Impact, Node] | None:
    """Let the dataset stand for a field: none are listed behind readers whose column lineage is unknown."""
    if node.type is not NodeType.FIELD:
        return None
    holder = dataset(node.namespace, node.name)
    # In an answer about fields only what nobody can tell is an edge between datasets.
    blind = any(edge.kind is EdgeKind.FEEDS and edge.target == holder for edge in answer.edges)
    return (Impact.UNKNOWN, holder) if blind else None


def _path(answer: Answer, starts: Sequence[Node], target: Node, impact: Impact) -> tuple[Node, ...]:
    """Return a shortest way to a node over edges that are as sure as its impact, with a job on each hop."""
    graph: nx.DiGraph[Node] = nx.DiGraph()
    jobs: dict[tuple[Node, Node], Node] = {}
    sources = [start for start in starts if start.type is NodeType.FIELD] or starts
    graph.add_nodes_from((*sources, target))
    for edge in answer.edges:
        if not _passable(edge, impact):
            continue
        graph.add_edge(edge.source, edge.target)
        if edge.kind in (EdgeKind.FIELD, EdgeKind.FEEDS):
            if edge.jobs:
                jobs.setdefault((edge.source, edge.target), edge.jobs[0])
            # A job is an end and no way on: what it makes of one thing does not come from another.
            graph.add_edges_from((edge.source, job) for job in edge.jobs)
    for each in [node for node in graph.nodes if node.type is NodeType.FIELD]:
        holder = dataset(each.namespace, each.name)
        if impact is not Impact.UNKNOWN or holder != target:  # what nobody can tell comes between datasets
            graph.add_edge(each, holder)
    try:
        _, found = nx.multi_source_dijkstra(graph, sources, target)
    except nx.NetworkXNoPath:
        # An answer has one edge for several jobs: beside an INDIRECT one, a job that did not say is not seen.
        return _path(answer, starts, target, Impact.INDIRECT) if impact is Impact.DIRECT else (target,)
    way = cast("list[Node]", found)  # the type stubs know the form without a target alone
    whole = way[:1]
    for hop in pairwise(way):
        whole += [jobs[hop], hop[1]] if hop in jobs else [hop[1]]
    return tuple(whole)


def _passable(edge: AnswerEdge, impact: Impact) -> bool:
    if edge.kind not in (EdgeKind.FIELD, EdgeKind.USES):
        return impact is Impact.UNKNOWN
    return (
        impact is not Impact.DIRECT
        or not edge.transformations
        or any(each.type.upper() != "INDIRECT" for each in edge.transformations)
    )
