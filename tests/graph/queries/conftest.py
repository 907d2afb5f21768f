"""Graphs to ask: described by their jobs, held in plain lists by a reader of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from graph.ingest import ingest
from graph.nodes import Node, NodeType, dataset, job
from graph.nodes import field as field_node
from graph.records import (
    Direction,
    Edge,
    EdgeKind,
    Origin,
    RunRecord,
    RunState,
    StoreCounts,
    Transformation,
)
from graph.store import open_store
from graph.store.base import LineageReader
from graph.store.queries import QueryFilter, QueryRecord

NAMESPACE = "ns"
FACET = {"_producer": "https://example.com/tests", "_schemaURL": "https://example.com/facet.json"}

Columns = Mapping[str, Mapping[str, str]]
"""By output field `dataset.field`: its input fields, with DIRECT, INDIRECT or nothing said of each."""


@dataclass(frozen=True)
class Job:
    """A job that reads and writes datasets; all it reads feeds all it writes unless `feeds` says which."""

    name: str
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    columns: Columns = field(default_factory=dict)
    feeds: Sequence[tuple[str, str]] | None = None
    parent: str | None = None


@dataclass
class ListedGraph:
    """A `LineageReader` over a list of edges: each answer is worked out by going through the list."""

    location: str = "in memory"
    all_edges: set[Edge] = field(default_factory=set)
    known: dict[int, Node] = field(default_factory=dict)
    schemas: dict[int, list[str]] = field(default_factory=dict)
    kept_facets: dict[tuple[int, str], Mapping[str, Any]] = field(default_factory=dict)
    above: dict[int, Node] = field(default_factory=dict)
    aliases: dict[Node, Node] = field(default_factory=dict)
    kept_runs: list[RunRecord] = field(default_factory=list)

    def add(self, node: Node) -> int:
        self.known[node.key] = node
        if node.type is NodeType.FIELD:
            self.add(dataset(node.namespace, node.name))
        return node.key

    def add_job(self, made: Job) -> None:
        key = self.add(job(NAMESPACE, made.name))
        reads = [self.add(dataset(NAMESPACE, name)) for name in made.reads]
        writes = [self.add(dataset(NAMESPACE, name)) for name in made.writes]
        self.all_edges |= {Edge(EdgeKind.READS, each, key, key) for each in reads}
        self.all_edges |= {Edge(EdgeKind.WRITES, key, each, key) for each in writes}
        feeds = [(s, t) for s in made.reads for t in made.writes] if made.feeds is None else made.feeds
        for source, target in feeds:
            ends = (dataset(NAMESPACE, source).key, dataset(NAMESPACE, target).key)
            self.all_edges.add(Edge(EdgeKind.FEEDS, *ends, key))
        for target, sources in made.columns.items():
            for source, type_ in sources.items():
                ends = (self.add(column(source)), self.add(column(target)))
                said = Transformation(type_) if type_ else None
                self.all_edges.add(Edge(EdgeKind.FIELD, *ends, key, said, Origin.COLUMN_FACET))
        if made.parent is not None:
            parent = job(NAMESPACE, made.parent)
            self.add(parent)
            self.above[key] = parent

    def lookup(self, node: Node) -> Node | None:
        node = self.aliases.get(node, node)
        return self.known.get(node.key)

    def named(self, name: str, types: Collection[NodeType]) -> list[Node]:
        names = [(node, node.name) for node in self.known.values() if node.field is None]
        names += [(node, alias.name) for alias, node in self.aliases.items()]
        names = [(node, whole) for node, whole in names if node.type in types]
        same = {node for node, whole in names if whole == name}
        ends = {node for node, whole in names if whole.endswith(("." + name, "/" + name))}
        return sorted(same or ends)

    def all_nodes(
        self, types: Collection[NodeType], *, after: int = -1, limit: int = 1000
    ) -> list[tuple[int, Node]]:
        found = [(key, node) for key, node in sorted(self.known.items()) if key > after]
        return [(key, node) for key, node in found if node.type in types][:limit]

    def nodes(self, keys: Collection[int]) -> dict[int, Node]:
        return {key: self.known[key] for key in keys if key in self.known}

    def fields(self, dataset: Node) -> list[Node]:
        ordered = self.schemas.get(dataset.key, [])
        named = {
            node.field
            for node in self.known.values()
            if node.field and (node.namespace, node.name) == (dataset.namespace, dataset.name)
        }
        names = [*ordered, *sorted(named - set(ordered))]
        return [field_node(dataset.namespace, dataset.name, name) for name in names]

    def dropped(self, datasets: Collection[int]) -> dict[int, datetime]:
        return {}

    def columns(self, datasets: Collection[int]) -> dict[int, int]:
        return {
            node.key: owner.key
            for owner in self.nodes(datasets).values()
            for node in self.known.values()
            if node.field and (node.namespace, node.name) == (owner.namespace, owner.name)
        }

    def closure(
        self, keys: Collection[int], kind: EdgeKind, direction: Direction, depth: int | None = None
    ) -> list[Edge]:
        leaving: dict[int, list[Edge]] = {}
        for edge in self.edges(kind):
            near = edge.source if direction is Direction.DOWNSTREAM else edge.target
            leaving.setdefault(near, []).append(edge)
        seen, found, layer, hops = set(keys), [], set(keys), 0
        while layer and (depth is None or hops < depth):
            met = [edge for key in layer for edge in leaving.get(key, ())]
            found += met
            ends = {edge.target if direction is Direction.DOWNSTREAM else edge.source for edge in met}
            layer = ends - seen
            seen |= layer
            hops += 1
        return found

    def incident(self, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[Edge]:
        return self.closure(keys, kind, direction, 1)

    def edges(self, kind: EdgeKind) -> Iterable[Edge]:
        return [edge for edge in self.all_edges if edge.kind is kind]

    def facets(self, keys: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
        return {key: self.kept_facets[key, name] for key in keys if (key, name) in self.kept_facets}

    def parents(self, jobs: Collection[int]) -> dict[int, Node]:
        return {key: self.above[key] for key in jobs if key in self.above}

    def children(self, jobs: Collection[int]) -> dict[int, list[Node]]:
        found: dict[int, list[Node]] = {}
        for key, parent in self.above.items():
            if parent.key in jobs:
                found.setdefault(parent.key, []).append(self.known[key])
        return found

    def runs(
        self,
        *,
        jobs: Collection[int] = (),
        states: Collection[RunState] = (),
        after: str | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        found = [run for run in self.kept_runs if not jobs or run.job_key in jobs]
        found = [run for run in found if not states or run.state in states]
        ids = [run.run_id for run in found]
        return found[ids.index(after) + 1 if after is not None else 0 :][:limit]

    def latest_event_time(self) -> None:
        """No event is known."""

    def queries(self, asked: QueryFilter, **page: Any) -> list[QueryRecord]:
        return []

    def counts(self) -> StoreCounts:
        raise NotImplementedError("no question counts")

    def close(self) -> None:
        """Nothing is open."""


def column(name: str) -> Node:
    """Return the field called `dataset.field`."""
    head, _, tail = name.rpartition(".")
    return field_node(NAMESPACE, head, tail)


def listed(jobs: Iterable[Job]) -> ListedGraph:
    graph = ListedGraph()
    for each in jobs:
        graph.add_job(each)
    return graph


@pytest.fixture(scope="session")
def job_of() -> type[Job]:
    """The description of a job, for tests to build graphs from."""
    return Job


@pytest.fixture(scope="session")
def listed_graph() -> Callable[[Iterable[Job]], ListedGraph]:
    """Build a reader over plain lists from jobs."""
    return listed


def event_of(made: Job) -> dict[str, Any]:
    """Return the event of a completed run of the job."""
    facets: dict[str, dict[str, Any]] = {name: {} for name in made.writes}
    for target, sources in made.columns.items():
        dataset_name, _, name = target.rpartition(".")
        facets[dataset_name][name] = {"inputFields": [_input_field(*source) for source in sources.items()]}
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-01T00:00:00Z",
        "producer": "https://example.com/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid5(NAMESPACE_URL, made.name))},
        "job": {"namespace": NAMESPACE, "name": made.name},
        "inputs": [{"namespace": NAMESPACE, "name": name} for name in made.reads],
        "outputs": [
            {
                "namespace": NAMESPACE,
                "name": name,
                "facets": {"columnLineage": {**FACET, "fields": fields}} if fields else {},
            }
            for name, fields in facets.items()
        ],
    }


def _input_field(name: str, type_: str) -> dict[str, Any]:
    dataset_name, _, column_name = name.rpartition(".")
    found: dict[str, Any] = {"namespace": NAMESPACE, "name": dataset_name, "field": column_name}
    return {**found, "transformations": [{"type": type_}]} if type_ else found


@contextmanager
def stored(jobs: Iterable[Job], place: str = ":memory:") -> Iterator[LineageReader]:
    """Give a store that took the events of the jobs."""
    with closing(open_store(place)) as store:
        bodies = [json.dumps(event_of(each)).encode() for each in jobs]
        assert ingest(store, bodies).accepted == len(bodies)
        yield store


@pytest.fixture(scope="session")
def stored_graph() -> Callable[[Iterable[Job]], AbstractContextManager[LineageReader]]:
    """Build a store from jobs, to be used in a `with`."""
    return stored


@pytest.fixture(params=["listed", "sqlite", "postgresql"])
def graph_of(request: pytest.FixtureRequest) -> Iterator[Callable[[Iterable[Job]], LineageReader]]:
    """Build a reader from jobs: over plain lists, and stores that took their events."""
    if request.param == "listed":
        yield listed
        return
    postgresql = request.param == "postgresql"
    fresh = request.getfixturevalue("fresh_postgresql") if postgresql else lambda: ":memory:"
    with ExitStack() as stores:
        yield lambda jobs: stores.enter_context(stored(jobs, fresh()))
