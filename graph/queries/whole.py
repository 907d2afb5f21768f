"""The whole current graph as a stream of nodes and edges, for exports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from graph.nodes import Node, NodeType
from graph.queries.answer import AnswerEdge
from graph.records import Edge, EdgeKind
from graph.store.base import LineageReader

_BATCH = 1_000


def every_node(reader: LineageReader, types: Collection[NodeType]) -> Iterator[tuple[int, Node]]:
    """Yield all nodes of these types with their keys, in no particular order but the same each time."""
    after = -1
    while page := reader.all_nodes(types, after=after, limit=_BATCH):
        after = page[-1][0]
        yield from page


def every_edge(reader: LineageReader, kinds: Iterable[EdgeKind]) -> Iterator[AnswerEdge]:
    """Yield all current edges of these kinds, one for each job and transformation, a batch at a time."""
    for kind in kinds:
        edges = iter(reader.edges(kind))
        while batch := list(islice(edges, _BATCH)):
            yield from _named(reader, batch)


def _named(reader: LineageReader, batch: Collection[Edge]) -> Iterator[AnswerEdge]:
    keys = {key for edge in batch for key in (edge.source, edge.target, edge.job) if key is not None}
    names = reader.nodes(keys)
    for edge in batch:
        yield AnswerEdge(
            source=names[edge.source],
            target=names[edge.target],
            kind=edge.kind,
            jobs=() if edge.job is None else (names[edge.job],),
            transformations=() if edge.transformation is None else (edge.transformation,),
            origins=() if edge.origin is None else (edge.origin,),
        )
