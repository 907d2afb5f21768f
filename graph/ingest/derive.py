"""Lineage from the SQL that events carry: read after they are kept, stored beside them, never in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import msgspec

from graph import nodes
from graph.ingest.naming import Context, Name, settle
from graph.ingest.patience import patient_until
from graph.ingest.shape import dataset_node
from graph.nodes import Node
from graph.records import EdgeKind, Transformation
from graph.store.base import LineageStore
from graph.store.changes import Claim, Derivation, Origin
from lineage.datasets import normalise
from lineage.sql import ColumnEdges, StatementLineage, extract

_AT_ONCE = 20
"""How many shapes are kept in one transaction: what a killed process has to read again."""


@dataclass(frozen=True, slots=True)
class Derived:
    """How many SQL texts were read, and whether none is left waiting."""

    shapes: int
    complete: bool


def derive(store: LineageStore, *, seconds: float | None = None) -> Derived:
    """Read the SQL that waits in the store, for at most about `seconds` (None: until all of it is read).

    What is read is kept in steps, so a call that is cut short loses little and the next one goes on from
    there. A read-only store is left as it is. Raises StoreError when the store cannot be written, also
    because another process was writing until the time was up.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    done = 0
    while not store.read_only:
        read: dict[int, list[Derivation]] = {}
        for waiting in store.underived(_AT_ONCE):
            if deadline is not None and time.monotonic() >= deadline:
                break
            read[waiting.shape_key] = read_sql(waiting.sql)
        if not read:
            break
        with patient_until(store, deadline):
            store.record_derivations(read)
        done += len(read)
    return Derived(done, complete=not store.underived(1))


def read_sql(content: bytes) -> list[Derivation]:
    """Return what the SQL of a shape (`Shape.sql`) says, one entry per statement."""
    data = msgspec.json.decode(content)
    listed = [((namespace, name), columns) for namespace, name, columns in data["datasets"]]
    job = nodes.job(*data["job"])
    derivations = []
    for one in data["statements"]:
        context = Context(
            tuple(dict.fromkeys(name for name, _ in listed)),
            normalise(one["namespace"], "")[0] if "namespace" in one else None,
            one.get("database"),
            one.get("defaultSchema"),
            one.get("dialect"),
        )
        derivations += _read_text(one["query"], context, dict(_schemas(listed)), job)
    return derivations


def _schemas(listed: list[tuple[Name, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the columns of the event's datasets by name, where one name is one dataset."""
    known: dict[str, dict[Name, list[str]]] = {}
    for name, columns in listed:
        if columns:
            known.setdefault(name[1], {})[name] = columns
    for text, datasets in known.items():
        if len(datasets) == 1:
            yield text, next(iter(datasets.values()))


def _read_text(query: str, context: Context, schema: dict[str, list[str]], job: Node) -> list[Derivation]:
    dialect = context.known_dialect()
    lineage = extract(query, dialect=dialect, schema=schema, default_schema=context.default_schema)
    engine, _, version = lineage.engine.partition(" ")
    if not lineage.statements:
        return [Derivation(engine, version, False, (), {}, lineage.problems)]
    settled = settle((*lineage.inputs, *lineage.outputs), context)
    return [_derivation(statement, settled, dialect, job) for statement in lineage.statements]


def _derivation(
    statement: StatementLineage, settled: dict[str, Name], dialect: str | None, job: Node
) -> Derivation:
    names = dict.fromkeys(table.name for table in (*statement.inputs, *statement.outputs))
    problems = [*statement.problems]
    problems += [f"table {name}: not known which dataset it is" for name in names if name not in settled]
    if dialect is None:
        problems.append("the SQL dialect is not known")
    if any(edges.output.column == "*" for edges in statement.columns):
        problems.append("a * stands for columns that are not known")
    certain = statement.certain and dialect is not None and all(name in settled for name in names)
    collector = _Claims(Origin.SQL_CERTAIN if certain else Origin.SQL_DOUBTFUL, settled, job)
    collector.tables(statement)
    for edges in statement.columns:
        collector.columns(edges)
    engine, _, version = statement.engine.partition(" ")
    claims = tuple(sorted(collector.claims, key=repr))
    return Derivation(engine, version, certain, claims, collector.nodes, tuple(problems))


class _Claims:
    """Collects what one statement claims, and the nodes it names."""

    def __init__(self, origin: Origin, settled: dict[str, Name], job: Node) -> None:
        self.claims: set[Claim] = set()
        self.nodes: dict[int, Node] = {job.key: job}
        self._origin = origin
        self._job = job.key
        self._datasets: dict[str, Node] = {}
        for table, name in settled.items():
            _, self._datasets[table] = dataset_node(*name)

    def tables(self, statement: StatementLineage) -> None:
        """Claim the tables that the statement reads and writes."""
        inputs = [key for table in statement.inputs if (key := self._dataset(table.name)) is not None]
        outputs = [key for table in statement.outputs if (key := self._dataset(table.name)) is not None]
        for source in inputs:
            self._claim(EdgeKind.READS, source, self._job)
        for target in outputs:
            self._claim(EdgeKind.WRITES, self._job, target)
        for source, target in product(inputs, outputs):
            self._claim(EdgeKind.FEEDS, source, target)

    def columns(self, edges: ColumnEdges) -> None:
        """Claim where one written column comes from; a star that is not expanded names no column."""
        target = self._field(edges.output.table, edges.output.column)
        if target is None:
            return
        how = [("DIRECT", source, edges.expression or "") for source in edges.inputs]
        how += [("INDIRECT", source, "") for source in edges.indirect]
        for type_, source, description in how:
            start = self._field(source.table, source.column)
            if start is not None:
                transformation = Transformation(type_, source.subtype, description)
                dataset = self._datasets[edges.output.table].key
                self.claims.add(Claim(self._origin, EdgeKind.FIELD, start, target, dataset, transformation))

    def _claim(self, kind: EdgeKind, source: int, target: int) -> None:
        self.claims.add(Claim(self._origin, kind, source, target))

    def _dataset(self, table: str) -> int | None:
        node = self._datasets.get(table)
        if node is None:
            return None
        self.nodes[node.key] = node
        return node.key

    def _field(self, table: str, column: str) -> int | None:
        of = self._datasets.get(table)
        if of is None or not column or column == "*":
            return None
        self.nodes[of.key] = of
        node = nodes.field(of.namespace, of.name, column)
        self.nodes[node.key] = node
        return node.key
