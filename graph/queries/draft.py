"""The answer while it is worked out: by node keys, shortest distances first, each edge once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.nodes import Node, NodeType
from graph.queries.answer import ORIGIN_NAMES, Answer, AnswerEdge, AnswerNode, Impact
from graph.records import Edge, EdgeKind, Origin, Transformation
from graph.store.base import LineageReader

_Ends = tuple[EdgeKind, int, int]

_LEVELS_OF_PARENTS = 32
"""How far up the parents of a job are followed; a circle of parents ends here."""


@dataclass(slots=True)
class _Label:
    """What is said of an edge by all that make it."""

    jobs: set[int] = field(default_factory=set)
    transformations: set[Transformation] = field(default_factory=set)
    origins: set[Origin] = field(default_factory=set)


class Draft:
    """Collects distances, the nodes before and edges by key; `finish` reads the names and sorts."""

    def __init__(self) -> None:
        self.distance: dict[int, int] = {}
        self.before: dict[int, set[int]] = {}
        """The nodes of the same kind that stand before a node on its shortest paths."""
        self.impact: dict[int, Impact] = {}
        self._edges: dict[_Ends, _Label] = {}

    def place(self, key: int, distance: int, before: Iterable[int] = ()) -> None:
        """Put a node at a distance unless it stands nearer; an equal distance adds to what stands before."""
        known = self.distance.get(key)
        if known is None or distance < known:
            self.distance[key] = distance
            self.before[key] = set(before)
        elif distance == known and distance > 0:
            self.before[key].update(before)

    def mark(self, key: int, *, direct: bool) -> None:
        """Mark a node as affected; once direct, it stays so."""
        if direct or self.impact.get(key, Impact.UNKNOWN) is Impact.UNKNOWN:
            self.impact[key] = Impact.DIRECT if direct else Impact.INDIRECT

    def link(self, edge: Edge) -> None:
        """Add an edge; edges with the same kind and ends become one."""
        label = self._edges.setdefault((edge.kind, edge.source, edge.target), _Label())
        if edge.job is not None:
            label.jobs.add(edge.job)
        if edge.transformation is not None:
            label.transformations.add(edge.transformation)
        if edge.origin is not None:
            label.origins.add(edge.origin)

    def finish(self, reader: LineageReader, query: Mapping[str, Any]) -> Answer:
        """Read the names of all that was collected and return the answer in its order.

        A node that the store no longer knows is left out with its edges.
        """
        names = reader.nodes(self._keys())
        datasets = [key for key in self.distance if key in names and names[key].type is NodeType.DATASET]
        jobs = [key for key in self.distance if key in names and names[key].type is NodeType.JOB]
        types = _dataset_types(reader, datasets)
        parents = _parents(reader, jobs)
        nodes = {
            key: AnswerNode(
                node=names[key],
                distance=distance,
                via=min((names[each] for each in self.before[key] if each in names), default=None),
                impact=self.impact.get(key),
                dataset_type=types.get(key),
                parents=parents.get(key, ()),
            )
            for key, distance in self.distance.items()
            if key in names
        }
        order = sorted(nodes, key=lambda key: nodes[key].place)
        edges = self._finished_edges(names, {key: rank for rank, key in enumerate(order)})
        return Answer(query=query, nodes=tuple(nodes[key] for key in order), edges=edges)

    def _keys(self) -> set[int]:
        jobs = {job for label in self._edges.values() for job in label.jobs}
        return jobs | self.distance.keys()

    def _finished_edges(self, names: Mapping[int, Node], rank: Mapping[int, int]) -> tuple[AnswerEdge, ...]:
        """Return the edges in the order of their farther ends, then of their nearer ones."""

        def order(ends: _Ends) -> tuple[int, int, int, int]:
            source, target = rank[ends[1]], rank[ends[2]]
            return (max(source, target), min(source, target), ends[0], target)

        known = [ends for ends in self._edges if ends[1] in names and ends[2] in names]
        return tuple(self._finished(ends, names) for ends in sorted(known, key=order))

    def _finished(self, ends: _Ends, names: Mapping[int, Node]) -> AnswerEdge:
        label, trusted = self._edges[ends], ends[0] is not EdgeKind.OVERRULED
        return AnswerEdge(
            source=names[ends[1]],
            target=names[ends[2]],
            kind=ends[0] if trusted else EdgeKind.FIELD,
            jobs=tuple(sorted(names[job] for job in label.jobs if job in names)),
            transformations=tuple(sorted(label.transformations)),
            origins=tuple(origin for origin in ORIGIN_NAMES if origin in label.origins),
            trusted=trusted,
        )


def _dataset_types(reader: LineageReader, keys: Collection[int]) -> dict[int, str]:
    facets = reader.facets(keys, "datasetType") if keys else {}
    return {key: str(facet["datasetType"]) for key, facet in facets.items() if facet.get("datasetType")}


def _parents(reader: LineageReader, jobs: Collection[int]) -> dict[int, tuple[Node, ...]]:
    """Return the jobs above each job, nearest first, a level of parents at a time."""
    above: dict[int, Node] = {}
    asked: set[int] = set()
    ahead = set(jobs)
    for _ in range(_LEVELS_OF_PARENTS):
        if not ahead:
            break
        asked |= ahead
        found = reader.parents(ahead)
        above |= found
        ahead = {parent.key for parent in found.values()} - asked
    chains: dict[int, tuple[Node, ...]] = {}
    for job in jobs:
        chain: list[Node] = []
        seen = {job}
        while (parent := above.get(chain[-1].key if chain else job)) is not None and parent.key not in seen:
            seen.add(parent.key)
            chain.append(parent)
        if chain:
            chains[job] = tuple(chain)
    return chains
