"""The way from a metric back to its sources: by fields while column lineage is known, by datasets where not.

Every round of the trace asks the store a fixed number of questions, and there are as many rounds as the way
changes between fields and datasets, whatever the size of the graph.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import networkx as nx

from graph.nodes import Node, NodeType, dataset
from graph.queries.draft import Draft
from graph.queries.walk import distances, holders_of, shown_targets
from graph.records import Direction, Edge, EdgeKind
from graph.store.base import LineageReader

_UP = Direction.UPSTREAM
_Steps = set[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Gap:
    """A dataset behind which the trace goes on by datasets, the field it came by, and why.

    `reason` is `job` when a job that feeds the dataset has no column lineage into it at all, `field` when
    the field has none while other fields of the dataset have.
    """

    dataset: int
    field: int | None
    reason: str
    jobs: frozenset[int]


@dataclass(slots=True)
class Trace:
    """What was met on the way, by node keys. `steps` are (source, target) pairs of datasets."""

    distance: Mapping[int, int] = field(default_factory=dict)
    steps: _Steps = field(default_factory=set)
    fields: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By dataset: its fields on the way."""
    whole: set[int] = field(default_factory=set)
    """The datasets that are on the way with all their fields."""
    gaps: list[Gap] = field(default_factory=list)
    field_edges: set[Edge] = field(default_factory=set)
    feeds: set[Edge] = field(default_factory=set)


def trace(reader: LineageReader, draft: Draft, starts: Collection[Node]) -> Trace:
    """Trace fields or whole datasets back to their sources, and put what was met into the draft."""
    found = Trace()
    fields = {node.key for node in starts if node.type is NodeType.FIELD}
    whole = {node.key for node in starts if node.type is NodeType.DATASET}
    first = whole | {dataset(node.namespace, node.name).key for node in starts}
    while fields or whole:
        blind = _by_fields(reader, found, fields) if fields else set()
        fields = _by_datasets(reader, found, (whole | blind) - found.whole)
        whole = set()
    graph: nx.DiGraph[int] = nx.DiGraph([(target, source) for source, target in found.steps])
    found.distance = distances(graph, sorted(first))
    _put(reader, draft, found)
    return found


def _by_fields(reader: LineageReader, found: Trace, starts: Collection[int]) -> set[int]:
    """Follow fields as far as column lineage goes; return the datasets to follow as a whole from there."""
    edges = list(reader.closure(starts, EdgeKind.FIELD, _UP))
    met = {key for edge in edges for key in (edge.source, edge.target)} | set(starts)
    holder = holders_of(reader.nodes(met))
    for edge in edges:
        found.field_edges.add(edge)
        if holder[edge.source] != holder[edge.target]:
            found.steps.add((holder[edge.source], holder[edge.target]))
    traced: dict[int, set[int]] = defaultdict(set)
    for key in met & holder.keys():
        traced[holder[key]].add(key)
        found.fields[holder[key]].add(key)
    sourced = {edge.target for edge in edges if edge.source != edge.target}
    return _blind_sources(reader, found, traced, sourced)


def _blind_sources(
    reader: LineageReader, found: Trace, traced: Mapping[int, set[int]], sourced: Collection[int]
) -> set[int]:
    """Return the datasets that feed traced ones in ways no column lineage shows."""
    into: dict[int, list[Edge]] = defaultdict(list)
    for edge in reader.incident(traced, EdgeKind.FEEDS, _UP):
        into[edge.target].append(edge)
        if (edge.source, edge.target) in found.steps:
            found.feeds.add(edge)
    shown = shown_targets(reader, into)
    blind: set[int] = set()
    for target in sorted(into):
        for edges, gap in _gaps(into[target], traced[target], sourced, shown):
            found.gaps.append(gap)
            for edge in edges:
                blind.add(edge.source)
                found.feeds.add(edge)
                found.steps.add((edge.source, edge.target))
    return blind


def _gaps(
    feeds: Collection[Edge],
    fields: Iterable[int],
    sourced: Collection[int],
    shown: Collection[tuple[int, int | None]],
) -> Iterable[tuple[Collection[Edge], Gap]]:
    target = next(iter(feeds)).target
    unshown = [edge for edge in feeds if (edge.target, edge.job) not in shown]
    if unshown:
        yield unshown, Gap(target, None, "job", _jobs(unshown))
    rest = [edge for edge in feeds if (edge.target, edge.job) in shown]
    for key in sorted(fields):
        if rest and key not in sourced:
            yield rest, Gap(target, key, "field", _jobs(rest))


def _jobs(edges: Iterable[Edge]) -> frozenset[int]:
    return frozenset(edge.job for edge in edges if edge.job is not None)


def _by_datasets(reader: LineageReader, found: Trace, starts: Collection[int]) -> set[int]:
    """Follow whole datasets; return fields to go on with where only column lineage leads further."""
    if not starts:
        return set()
    edges = list(reader.closure(starts, EdgeKind.FEEDS, _UP))
    found.feeds.update(edges)
    found.steps.update((edge.source, edge.target) for edge in edges)
    reached = set(starts) | {edge.source for edge in edges}
    new = reached - found.whole
    found.whole |= reached
    columns = reader.columns(new - {edge.target for edge in edges})
    if not columns:
        return set()
    known = {key for keys in found.fields.values() for key in keys}
    further: set[int] = set()
    for edge in reader.incident(columns, EdgeKind.FIELD, _UP):
        if edge.source not in columns:
            further |= {edge.source, edge.target} - known
    return further


def _put(reader: LineageReader, draft: Draft, found: Trace) -> None:
    """Put datasets, fields, jobs and edges into the draft: a job stands one further than what it writes."""
    bringing: dict[int, set[int]] = defaultdict(set)
    before: dict[int, set[int]] = defaultdict(set)
    for source, target in found.steps:
        if found.distance[source] == found.distance[target] + 1:
            before[source].add(target)
    draft.link(found.feeds)
    for edge in found.feeds:
        if edge.job is not None and edge.target in before[edge.source]:
            bringing[edge.source].add(edge.job)
    for key, hops in found.distance.items():
        draft.place(key, hops, before[key])
    _put_fields(draft, found)
    writes = list(reader.incident(found.distance, EdgeKind.WRITES, _UP))
    draft.link(writes)
    for edge in writes:
        draft.place(edge.source, found.distance[edge.target] + 1, bringing[edge.target] - {edge.source})


def _put_fields(draft: Draft, found: Trace) -> None:
    for held_by, fields in found.fields.items():
        for key in fields:
            draft.place(key, found.distance[held_by])
    draft.link(found.field_edges)
    for edge in found.field_edges:
        if draft.distance[edge.source] == draft.distance[edge.target] + 1:
            draft.place(edge.source, draft.distance[edge.source], [edge.target])
