"""The answer while it is worked out: by node keys, shortest distances first, each edge once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from graph.nodes import Node, NodeType, dataset
from graph.queries.answer import ORIGIN_NAMES, Answer, AnswerEdge, AnswerNode, Impact
from graph.queries.hierarchy import LEVELS
from graph.records import Edge, EdgeKind, Origin, Transformation
from graph.store.base import LineageReader

_Ends = tuple[EdgeKind, int, int]


@lru_cache(maxsize=65_536)
def dataset_key(namespace: str, name: str) -> int:
    """Return the key of a dataset; that of a name is worked out once."""
    return dataset(namespace, name).key


class Draft:
    """Collects distances, the nodes before and edges by key; `finish` reads the names and sorts."""

    def __init__(self) -> None:
        self.distance: dict[int, int] = {}
        self.before: dict[int, set[int]] = {}
        """The nodes of the same kind that stand before a node on its shortest paths."""
        self.impact: dict[int, Impact] = {}
        self._edges: dict[_Ends, list[Edge]] = defaultdict(list)
        self._names: dict[int, Node] = {}

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

    def link(self, edges: Iterable[Edge]) -> None:
        """Add edges; those with the same kind and ends become one."""
        linked = self._edges
        for edge in edges:
            linked[edge[:3]].append(edge)

    def read(self, reader: LineageReader, keys: Collection[int]) -> dict[int, Node]:
        """Return the nodes of these keys as `LineageReader.nodes` does; each is read once for a draft."""
        if unread := [key for key in keys if key not in self._names]:
            self._names |= reader.nodes(unread)
        return {key: node for key in keys if (node := self._names.get(key)) is not None}

    def finish(self, reader: LineageReader, query: Mapping[str, Any]) -> Answer:
        """Read the names of all that was collected and return the answer in its order.

        A node that the store no longer knows is left out with its edges.
        """
        names = self.read(reader, self._keys())
        order = self._order(names)
        types = _dataset_types(reader, [key for key in order if names[key].type is NodeType.DATASET])
        dropped = _dropped(reader, names)
        parents = _parents(reader, [key for key in order if names[key].type is NodeType.JOB])
        nodes = tuple(
            AnswerNode(
                names[key],
                self.distance[key],
                _first(names, self.before[key]),
                self.impact.get(key),
                types.get(key),
                parents.get(key, ()),
                dropped.get(key),
            )
            for key in order
        )
        return Answer(query=query, nodes=nodes, edges=self._finished_edges(names, order))

    def _keys(self) -> set[int]:
        jobs = {edge.job for edges in self._edges.values() for edge in edges if edge.job is not None}
        return jobs | self.distance.keys()

    def _order(self, names: Mapping[int, Node]) -> list[int]:
        """Return the keys of the nodes in the order of `AnswerNode.place`."""
        places = [
            (distance, node.type, node.id, key)
            for key, distance in self.distance.items()
            if (node := names.get(key)) is not None
        ]
        return [key for *_, key in sorted(places)]

    def _finished_edges(self, names: Mapping[int, Node], order: Iterable[int]) -> tuple[AnswerEdge, ...]:
        """Return the edges in the order of their farther ends, then of their nearer ones."""
        rank = {key: place for place, key in enumerate(order)}
        places = []
        for ends, edges in self._edges.items():
            source, target = rank.get(ends[1]), rank.get(ends[2])
            if source is not None and target is not None:
                later, earlier = (source, target) if source > target else (target, source)
                places.append((later, earlier, ends[0], target, edges))
        places.sort(key=itemgetter(0, 1, 2, 3))
        return tuple([_finished(edges, names) for *_, edges in places])


def _first(names: Mapping[int, Node], keys: Collection[int]) -> Node | None:
    if not keys:
        return None
    if len(keys) == 1:  # as of most nodes
        (key,) = keys
        return names.get(key)
    return min([names[key] for key in keys if key in names], default=None)


def _finished(edges: Sequence[Edge], names: Mapping[int, Node]) -> AnswerEdge:
    """Return edges with the same kind and ends as one."""
    kind, source, target, job, made, origin = edges[0]
    jobs: tuple[Node, ...]
    transformations: tuple[Transformation, ...]
    origins: tuple[Origin, ...]
    if len(edges) == 1:
        jobs = (names[job],) if job is not None and job in names else ()
        transformations = () if made is None else (made,)
        origins = (origin,) if origin is not None and origin in ORIGIN_NAMES else ()
    else:
        makers = {edge.job for edge in edges if edge.job is not None}
        jobs = tuple(sorted(names[key] for key in makers if key in names))
        transformations = tuple(sorted({edge.transformation for edge in edges if edge.transformation}))
        said = {edge.origin for edge in edges}
        origins = tuple(origin for origin in ORIGIN_NAMES if origin in said)
    trusted = kind is not EdgeKind.OVERRULED
    return AnswerEdge(
        names[source],
        names[target],
        kind if trusted else EdgeKind.FIELD,
        jobs,
        transformations,
        origins,
        trusted,
    )


def _dataset_types(reader: LineageReader, keys: Collection[int]) -> dict[int, str]:
    facets = reader.facets(keys, "datasetType") if keys else {}
    return {key: str(facet["datasetType"]) for key, facet in facets.items() if facet.get("datasetType")}


def _dropped(reader: LineageReader, names: Mapping[int, Node]) -> dict[int, datetime]:
    """Return when those of the datasets and fields that are dropped were dropped."""
    holders = {
        key: key if node.type is NodeType.DATASET else dataset_key(node.namespace, node.name)
        for key, node in names.items()
        if node.type is not NodeType.JOB
    }
    dropped = reader.dropped(set(holders.values())) if holders else {}
    return {key: dropped[holder] for key, holder in holders.items() if holder in dropped} if dropped else {}


def _parents(reader: LineageReader, jobs: Collection[int]) -> dict[int, tuple[Node, ...]]:
    """Return the jobs above each job, nearest first, a level of parents at a time."""
    above: dict[int, Node] = {}
    asked: set[int] = set()
    ahead = set(jobs)
    for _ in range(LEVELS):
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
