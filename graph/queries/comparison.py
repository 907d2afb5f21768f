"""What differs between two states of the graph: two times, two runs, two versions of a job's code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from graph.errors import InvalidQueryError
from graph.nodes import Node, NodeType
from graph.nodes import field as field_node
from graph.queries.answer import transformation_as_json
from graph.queries.cursors import counted
from graph.queries.schema_comparison import Schema, schema_of
from graph.queries.type_widening import same_type
from graph.queries.whole import every_node
from graph.records import Edge, EdgeKind, Transformation
from graph.store.base import LineageReader
from graph.store.history import RunSaying

KINDS = (EdgeKind.FEEDS, EdgeKind.READS, EdgeKind.WRITES, EdgeKind.FIELD)


class Difference(StrEnum):
    """What became of something from the first state to the second."""

    APPEARED = "appeared"
    VANISHED = "vanished"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Side:
    """A state of the graph: its edges, its schemas by dataset, and the nodes of all of them by key."""

    edges: tuple[Edge, ...]
    schemas: Mapping[int, Schema]
    nodes: Mapping[int, Node]


@dataclass(frozen=True, slots=True)
class EdgeDifference:
    """An edge that one state has and the other has not, or a field edge that is made in another way."""

    change: Difference
    kind: EdgeKind
    source: Node
    target: Node
    jobs: tuple[Node, ...]
    before: tuple[Transformation, ...] = ()
    after: tuple[Transformation, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        found: dict[str, Any] = {
            "what": "edge",
            "change": self.change.value,
            "kind": self.kind.name,
            "source": self.source.id,
            "target": self.target.id,
            "jobs": [job.id for job in self.jobs],
        }
        if self.change is Difference.CHANGED:
            found["before"] = [transformation_as_json(each) for each in self.before]
            found["after"] = [transformation_as_json(each) for each in self.after]
        return found


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field that one schema has and the other has not, or whose type is another.

    `maybe` is the field that it may have been renamed from (appeared) or to (vanished): it has the same type,
    and stands in its place or is made from the same fields. Nobody can tell from two schemas.
    """

    change: Difference
    node: Node
    before: str | None = None
    after: str | None = None
    maybe: Node | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        found: dict[str, Any] = {"what": "field", "change": self.change.value, "node": self.node.id}
        found |= {"typeBefore": self.before, "typeAfter": self.after}
        if self.maybe is not None:
            way = "From" if self.change is Difference.APPEARED else "To"
            found[f"maybeRenamed{way}"] = self.maybe.id
        return found


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """A dataset whose schema only one of the states knows; `fields` counts it."""

    change: Difference
    node: Node
    fields: int

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        return {
            "what": "schema",
            "change": self.change.value,
            "node": self.node.id,
            "fields": self.fields,
        }


Item = EdgeDifference | FieldDifference | SchemaDifference


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that differs: dataset edges, field edges, schemas, fields; each by names."""

    items: tuple[Item, ...] = field(default=())

    def page(self, *, limit: int, cursor: str | None = None) -> tuple[tuple[Item, ...], str | None]:
        """Return up to `limit` of the items, starting behind the cursor, and the cursor of the next page.

        Raises:
            InvalidQueryError: `limit` is below 1, or `cursor` is not the `next` of such a page.
        """
        if limit < 1:
            raise InvalidQueryError(f"limit is {limit}; it must be at least 1")
        start = counted(cursor) or 0
        end = start + limit
        return self.items[start:end], str(end) if end < len(self.items) else None


def compare(before: Side, after: Side) -> Comparison:
    """Return what differs between two states.

    Edges are compared by their ends: another job that makes the same edge is no difference.
    """
    names = {**before.nodes, **after.nodes}
    return Comparison((*_edges(before, after, names), *_schemas(before, after, names)))


def side_of(reader: LineageReader) -> Side:
    """Return the whole graph that a reader shows, as it is held in memory to be compared."""
    edges = tuple(edge for kind in KINDS for edge in reader.edges(kind))
    nodes = dict(every_node(reader, (NodeType.DATASET, NodeType.JOB)))
    ends = {end for edge in edges for end in (edge.source, edge.target)} - nodes.keys()
    nodes |= reader.nodes(ends)
    datasets = [key for key, node in nodes.items() if node.type is NodeType.DATASET]
    return Side(edges, _told(reader.facets(datasets, "schema")), nodes)


def side_of_run(reader: LineageReader, said: RunSaying) -> Side:
    """Return what one run said, as a state of the graph."""
    edges = tuple(edge for edge in said.edges if edge.kind in KINDS)
    ends = {end for edge in edges for end in (edge.source, edge.target, edge.job) if end is not None}
    return Side(edges, _told(said.schemas), reader.nodes(ends | said.schemas.keys()))


def _told(facets: Mapping[int, Mapping[str, Any]]) -> dict[int, Schema]:
    return {key: schema for key, facet in facets.items() if (schema := schema_of(facet))}


_Ends = tuple[EdgeKind, int, int]


def _by_ends(edges: Iterable[Edge]) -> dict[_Ends, list[Edge]]:
    found: dict[_Ends, list[Edge]] = defaultdict(list)
    for edge in edges:
        found[edge.kind, edge.source, edge.target].append(edge)
    return found


def _made(edges: Iterable[Edge]) -> tuple[Transformation, ...]:
    return tuple(sorted({edge.transformation for edge in edges if edge.transformation is not None}))


def _edges(before: Side, after: Side, names: Mapping[int, Node]) -> list[EdgeDifference]:
    then, now = _by_ends(before.edges), _by_ends(after.edges)
    found = []
    for ends in then.keys() | now.keys():
        kind, source, target = ends
        old, new = then.get(ends, []), now.get(ends, [])
        made = _made(old), _made(new)
        if old and new and made[0] == made[1]:
            continue
        change = Difference.CHANGED if old and new else Difference.APPEARED if new else Difference.VANISHED
        if source in names and target in names:
            jobs = {names[edge.job] for edge in (new or old) if edge.job is not None and edge.job in names}
            found.append(
                EdgeDifference(change, kind, names[source], names[target], tuple(sorted(jobs)), *made)
            )
    return sorted(found, key=lambda one: (one.kind, one.source, one.target))


def _schemas(before: Side, after: Side, names: Mapping[int, Node]) -> list[Item]:
    found: list[Item] = []
    made_then, made_now = _sources(before.edges), _sources(after.edges)
    for key in sorted(before.schemas.keys() | after.schemas.keys(), key=lambda key: names[key]):
        old, new = before.schemas.get(key, {}), after.schemas.get(key, {})
        if not old or not new:
            change = Difference.APPEARED if new else Difference.VANISHED
            found.append(SchemaDifference(change, names[key], len(new or old)))
        else:
            found += _fields(names[key], old, new, made_then, made_now)
    return found


def _sources(edges: Iterable[Edge]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for edge in edges:
        if edge.kind is EdgeKind.FIELD:
            found[edge.target].add(edge.source)
    return {target: frozenset(sources) for target, sources in found.items()}


def _fields(
    dataset: Node,
    old: Schema,
    new: Schema,
    made_then: Mapping[int, frozenset[int]],
    made_now: Mapping[int, frozenset[int]],
) -> list[FieldDifference]:
    nodes = {name: field_node(dataset.namespace, dataset.name, name) for name in (*old, *new)}
    renamed: dict[str, list[str]] = {}
    gone = [name for name in old if name not in new]
    come = [name for name in new if name not in old]
    places = {name: place for place, name in enumerate(old)}, {name: place for place, name in enumerate(new)}
    for was in gone:
        sources = made_then.get(nodes[was].key)
        renamed[was] = [
            name
            for name in come
            if _may_be(old[was], new[name])
            and (
                places[0][was] == places[1][name]
                or (sources is not None and sources == made_now.get(nodes[name].key))
            )
        ]
    # Where several may be meant, none is named.
    pairs = {was: names[0] for was, names in renamed.items() if len(names) == 1}
    pairs = {was: name for was, name in pairs.items() if list(pairs.values()).count(name) == 1}
    back = {name: was for was, name in pairs.items()}
    found = []
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            maybe = nodes[pairs[name]] if name in pairs else None
            found.append(FieldDifference(Difference.VANISHED, nodes[name], old[name], None, maybe))
        elif name not in old:
            maybe = nodes[back[name]] if name in back else None
            found.append(FieldDifference(Difference.APPEARED, nodes[name], None, new[name], maybe))
        elif not _may_be(old[name], new[name]):
            found.append(FieldDifference(Difference.CHANGED, nodes[name], old[name], new[name]))
    return found


def _may_be(one: str | None, other: str | None) -> bool:
    """Tell whether two types may be the same: they are, or one is not told."""
    return one is None or other is None or same_type(one, other)


def compare_times(before: LineageReader, after: LineageReader) -> Comparison:
    """Return what differs between the graphs of two readers, such as a store as of two times."""
    return compare(side_of(before), side_of(after))


def compare_runs(reader: LineageReader, before: RunSaying, after: RunSaying) -> Comparison:
    """Return what differs between what two runs said on their own."""
    return compare(side_of_run(reader, before), side_of_run(reader, after))
