"""What a field may affect though nobody can say: readers of its dataset whose column lineage is not known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import networkx as nx

from graph.queries.answer import Impact
from graph.queries.draft import Draft
from graph.queries.walk import graph_of, shown_targets, touching
from graph.records import Direction, Edge, EdgeKind
from graph.store.base import LineageReader

DOWN = Direction.DOWNSTREAM
_ROOT = -1
"""Stands before the first hops, as far off as the asked field is; no node has a negative key."""


@dataclass(slots=True)
class Holder:
    """A dataset that holds an affected field: its distance, and the jobs on the shortest way to it."""

    distance: int
    jobs: set[int] = field(default_factory=set)


def add_unknown(
    reader: LineageReader,
    draft: Draft,
    holders: Mapping[int, Holder],
    shown: Collection[tuple[int, int | None]],
    depth: int | None,
) -> None:
    """Add jobs that read an affected dataset in a way no column lineage shows, and all that lies behind them.

    `shown` are (dataset, job) pairs of which it is known already that the job makes a field of the dataset
    from a field.

    A job that only reads a holder is none of them where its SQL tells all fields that it uses of it.

    A job on an edge out of a holder is unknown when the edge's target has no field edge of this job at all;
    a job on no edge out of it only reads it. What is in the draft already, because column lineage shows it,
    stays as it is.
    """
    near = [key for key, holder in holders.items() if depth is None or holder.distance < depth]
    if not near:
        return
    feeds = list(reader.incident(near, EdgeKind.FEEDS, DOWN))
    blind = [edge for edge in feeds if (edge.target, edge.job) not in shown]
    others = shown_targets(reader, {edge.target for edge in blind})
    blind = [edge for edge in blind if (edge.target, edge.job) not in others]
    targets = {edge.target for edge in blind}
    behind = list(reader.closure(targets, EdgeKind.FEEDS, DOWN, depth)) if targets else []
    reached = _hops(holders, blind, behind, depth)
    steps = [edge for edge in (*blind, *behind) if edge.source in reached and edge.target in reached]
    claimed = frozenset(draft.distance)
    _add_datasets(draft, steps, reached, claimed)
    on_edge = {(edge.source, edge.job) for edge in (*feeds, *behind)}
    reads = touching(reader, reached, DOWN, depth)
    on_edge |= _understood(reader, holders.keys() - {edge.target for edge in steps})
    readers = [edge for edge in reads if (edge.source, edge.job) not in on_edge]
    _add_jobs(draft, steps, readers, reached, holders, claimed)
    for key in draft.distance.keys() - claimed:
        draft.impact[key] = Impact.UNKNOWN


def _understood(reader: LineageReader, datasets: Collection[int]) -> set[tuple[int, int | None]]:
    """Return the (dataset, job) pairs where all that the job uses of the dataset is known."""
    edges = reader.incident(datasets, EdgeKind.UNDERSTOOD, DOWN) if datasets else ()
    return {(edge.source, edge.job) for edge in edges}


def _hops(
    holders: Mapping[int, Holder], blind: Iterable[Edge], behind: Iterable[Edge], depth: int | None
) -> dict[int, int]:
    """Return the distances of the holders and of what lies behind the blind edges, up to the depth."""
    graph = graph_of((*blind, *behind), DOWN)
    graph.add_node(_ROOT)
    first = ((_ROOT, edge.source, holders[edge.source].distance) for edge in blind)
    graph.add_weighted_edges_from(first, weight="hops")  # every other edge counts as 1
    reached = nx.single_source_dijkstra_path_length(graph, _ROOT, cutoff=depth, weight="hops")
    return {key: int(hops) for key, hops in reached.items() if key != _ROOT} | {
        key: holder.distance for key, holder in holders.items()
    }


def _add_datasets(
    draft: Draft, steps: Iterable[Edge], reached: Mapping[int, int], claimed: Collection[int]
) -> None:
    draft.link(steps)
    for edge in steps:
        if edge.target not in claimed:
            arrives = reached[edge.source] + 1 == reached[edge.target]
            draft.place(edge.target, reached[edge.target], [edge.source] if arrives else ())


def _add_jobs(
    draft: Draft,
    steps: Iterable[Edge],
    readers: Iterable[Edge],
    reached: Mapping[int, int],
    holders: Mapping[int, Holder],
    claimed: Collection[int],
) -> None:
    bringing = defaultdict(set, {key: set(holder.jobs) for key, holder in holders.items()})
    for edge in steps:
        if edge.job is not None and reached[edge.source] + 1 == reached[edge.target]:
            bringing[edge.target].add(edge.job)
    draft.link(readers)
    for edge in (*steps, *readers):
        if edge.job is not None and edge.job not in claimed:
            draft.place(edge.job, reached[edge.source] + 1, bringing[edge.source] - {edge.job})
