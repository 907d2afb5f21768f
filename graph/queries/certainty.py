"""Direct or indirect: whether a change reaches a node as values, or only as rows kept, joined or sorted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from graph.nodes import Node, dataset
from graph.queries.draft import Draft
from graph.queries.walk import Walked, distances, graph_of
from graph.records import Direction, Edge

_Step = tuple[int, int, int | None]


def is_indirect(edge: Edge) -> bool:
    """Tell whether a field edge is INDIRECT; one whose producer did not say is not."""
    return edge.transformation is not None and edge.transformation.type.upper() == "INDIRECT"


def direct_keys(field_edges: Iterable[Edge], starts: Collection[int]) -> Collection[int]:
    """Return the fields to which a path of edges leads that are all not INDIRECT."""
    strong = (edge for edge in field_edges if not is_indirect(edge))
    return distances(graph_of(strong, Direction.DOWNSTREAM), starts).keys()


def mark_feeds(
    draft: Draft,
    feeds: Walked,
    starts: Collection[int],
    jobs: Mapping[int, Collection[int]],
    field_edges: Iterable[Edge],
    fields: Mapping[int, Node],
) -> None:
    """Mark the datasets and jobs of a walk: a hop is indirect when it has field edges and all are INDIRECT.

    `jobs` are those behind each dataset, `fields` the names of the ends of the field edges.
    """
    indirect = _indirect_steps(field_edges, fields)
    strong = [edge for edge in feeds.edges if (edge.source, edge.target, edge.job) not in indirect]
    direct = distances(graph_of(strong, Direction.DOWNSTREAM), starts).keys() if starts else ()
    for key in feeds.reached:
        draft.mark(key, direct=key in direct)
    carrying = {(edge.source, edge.job) for edge in strong}
    on_edge = {(edge.source, edge.job) for edge in feeds.edges}
    for near, behind in jobs.items():
        for job in behind:
            only_reads = (near, job) not in on_edge
            draft.mark(job, direct=near in direct and (only_reads or (near, job) in carrying))


def _indirect_steps(field_edges: Iterable[Edge], fields: Mapping[int, Node]) -> set[_Step]:
    """Return the hops between two datasets by a job of which all field edges are INDIRECT."""
    kinds: dict[_Step, set[bool]] = defaultdict(set)
    for edge in field_edges:
        source, target = fields.get(edge.source), fields.get(edge.target)
        if source is not None and target is not None:
            step = (_dataset_key(source), _dataset_key(target), edge.job)
            kinds[step].add(is_indirect(edge))
    return {step for step, indirect in kinds.items() if indirect == {True}}


def _dataset_key(field: Node) -> int:
    return dataset(field.namespace, field.name).key
