"""Direct or indirect: whether a change reaches a node as values, or only as rows kept, joined or sorted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from graph.queries.draft import Draft
from graph.queries.walk import Walked, distances, graph_of
from graph.records import Direction, Edge

_Step = tuple[int, int, int | None]


def is_indirect(edge: Edge) -> bool:
    """Tell whether a field edge is INDIRECT; one whose producer did not say is not."""
    return edge.transformation is not None and edge.transformation.type.upper() == "INDIRECT"


def direct_keys(fields: Walked, starts: Collection[int]) -> Collection[int]:
    """Return the fields to which a path of walked edges leads that are all not INDIRECT."""
    strong = [edge for edge in fields.edges if not is_indirect(edge)]
    return _reached_by(strong, fields, starts)


def _reached_by(strong: Collection[Edge], walked: Walked, starts: Collection[int]) -> Collection[int]:
    """Return what some of the edges of a walk reach from its starts."""
    if len(strong) == len(walked.edges):
        return walked.reached.keys() | starts
    return distances(graph_of(strong, Direction.DOWNSTREAM), starts).keys()


def mark_feeds(
    draft: Draft,
    feeds: Walked,
    starts: Collection[int],
    jobs: Mapping[int, Collection[int]],
    field_edges: Iterable[Edge],
    holder: Mapping[int, int],
) -> None:
    """Mark the datasets and jobs of a walk: a hop is indirect when it has field edges and all are INDIRECT.

    `jobs` are those behind each dataset, `holder` the datasets of the ends of the field edges.
    """
    indirect = _indirect_steps(field_edges, holder)
    strong = [edge for edge in feeds.edges if (edge.source, edge.target, edge.job) not in indirect]
    direct = _reached_by(strong, feeds, starts) if starts else ()
    for key in feeds.reached:
        draft.mark(key, direct=key in direct)
    carrying = {(edge.source, edge.job) for edge in strong}
    on_edge = {(edge.source, edge.job) for edge in feeds.edges}
    for near, behind in jobs.items():
        for job in behind:
            only_reads = (near, job) not in on_edge
            draft.mark(job, direct=near in direct and (only_reads or (near, job) in carrying))


def _indirect_steps(field_edges: Iterable[Edge], holder: Mapping[int, int]) -> set[_Step]:
    """Return the hops between two datasets by a job of which all field edges are INDIRECT."""
    weak: set[_Step] = set()
    strong: set[_Step] = set()
    for edge in field_edges:
        source, target = holder.get(edge.source), holder.get(edge.target)
        if source is not None and target is not None:
            (weak if is_indirect(edge) else strong).add((source, target, edge.job))
    return weak - strong
