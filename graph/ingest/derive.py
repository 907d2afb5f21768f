"""Lineage from the SQL that events carry: read after they are kept, stored beside them, never in them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import msgspec

from graph import nodes
from graph.ingest.mentioned import mentioned, mentioned_columns
from graph.ingest.patience import patient_until
from graph.nodes import Node
from graph.records import EdgeKind, Origin, Transformation
from graph.store.base import LineageStore
from graph.store.changes import Claim, Derivation, Reading
from graph.store.form_facets import dataset_node
from graph.store.queries import Use, Used
from graph.store.texts import is_long_name
from lineage.sql import ColumnEdges, StatementLineage
from lineage.sql.named import NamedStatement, described, named_statements, text_of
from lineage.sql.naming import Name
from lineage.version import VERSION

_AT_ONCE = 20
"""How many shapes are kept in one transaction: what a killed process has to read again."""


@dataclass(frozen=True, slots=True)
class Derived:
    """How many SQL texts were read, and whether none is left waiting."""

    shapes: int
    complete: bool


def derive(store: LineageStore, *, seconds: float | None = None) -> Derived:
    """Read the SQL that waits in the store, for at most about `seconds` (None: until all of it is read).

    A text that has to be read apart (`lineage.sql.extract`) is read to its end, for up to ten seconds more.

    SQL waits again when the columns of a table come to be known or change, so that stars are expanded by what
    is known now, whatever came first. What is read is kept in steps: a call that is cut short loses little
    and the next one goes on from there. A read-only store is left as it is. Raises StoreError when the store
    cannot be written, also because another process was writing until the time was up.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    done = 0
    while not store.read_only:
        read: dict[int, Reading] = {}
        for waiting in store.underived(_AT_ONCE):
            if deadline is not None and time.monotonic() >= deadline:
                break
            read[waiting.shape_key] = read_sql(waiting.sql, store)
        if not read:
            break
        with patient_until(store, deadline):
            store.record_derivations(read)
        done += len(read)
    return Derived(done, complete=not store.underived(1))


def read_sql(content: bytes, store: LineageStore) -> Reading:
    """Return what the SQL of a shape (`Shape.sql`) says, with the columns that the store knows."""
    data = msgspec.json.decode(content)
    texts = [text_of(one) for one in data["statements"]]
    listed = [((namespace, name), columns) for namespace, name, columns in data["datasets"]]
    job = nodes.job(*data["job"])
    schemas = _Schemas(store)
    statements = named_statements(texts, listed, columns_of=schemas, apart=True)
    columns = dict(schemas.seen)
    columns |= {dataset_node(*name)[0]: tuple(given) for name, given in listed if given}
    derivations = [_derivation(each, job, columns) for each in statements]
    if not data["counted"]:  # only of statements of which queries are counted is asked who uses what
        derivations = [replace(each, uses=frozenset()) for each in derivations]
    return Reading(tuple(derivations), schemas.seen)


class _Schemas:
    """Gives the columns that the store knows, and remembers what it gave."""

    def __init__(self, store: LineageStore) -> None:
        self._store = store
        self.seen: dict[int, tuple[str, ...]] = {}

    def __call__(self, names: Collection[Name]) -> Mapping[Name, Sequence[str]]:
        keys = {name: dataset_node(*name)[0] for name in names}
        known = self._store.known_columns(keys.values())
        self.seen.update({key: known.get(key, ()) for key in keys.values()})
        return {name: known[key] for name, key in keys.items() if key in known}


def _derivation(statement: NamedStatement, job: Node, columns: Mapping[int, tuple[str, ...]]) -> Derivation:
    collector = _Claims(statement, job, columns)
    collector.tables()
    for edges in statement.lineage.columns:
        collector.columns(edges)
    uses = collector.uses()
    engine, _, version = statement.lineage.engine.partition(" ")
    claims = tuple(sorted(collector.claims, key=repr))
    return Derivation(
        place=statement.place,
        engine=engine,
        version=version,
        release=VERSION,
        certain=statement.certain,
        claims=claims,
        nodes=collector.nodes,
        problems=statement.problems,
        uses=frozenset(uses),
    )


def _reads_known(statement: NamedStatement) -> bool:
    """Tell whether every column that the statement reads is known; how its results are called is no matter.

    A DELETE or an UPDATE does not tell of all it reads.
    """
    if statement.columns_certain:
        return True
    if statement.lineage.kind != "SELECT" or not statement.certain:
        return False
    columns = statement.lineage.columns
    return not any(
        "*" in (edges.output.column, *(source.column for source in (*edges.inputs, *edges.indirect)))
        for edges in columns
    )


class _Claims:
    """Collects what one statement claims, and the nodes it names."""

    def __init__(self, statement: NamedStatement, job: Node, columns: Mapping[int, tuple[str, ...]]) -> None:
        self.claims: set[Claim] = set()
        self.nodes: dict[int, Node] = {job.key: job}
        self._lineage: StatementLineage = statement.lineage
        self._reads_known = _reads_known(statement)
        self._columns = columns
        self._of_tables = Origin.SQL_CERTAIN if statement.certain else Origin.SQL_DOUBTFUL
        self._of_columns = Origin.SQL_CERTAIN if statement.columns_certain else Origin.SQL_DOUBTFUL
        self._job = job.key
        named = ((table, name) for table, name in statement.datasets.items() if not is_long_name(*name))
        self._datasets = {table: dataset_node(*name)[1] for table, name in named}

    def tables(self) -> None:
        """Claim the tables that the statement reads and writes."""
        inputs = [key for table in self._lineage.inputs if (key := self._dataset(table.name)) is not None]
        outputs = [key for table in self._lineage.outputs if (key := self._dataset(table.name)) is not None]
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
        description = described(edges.expression, self._lineage.dialect)
        how = [("DIRECT", source, description) for source in edges.inputs]
        how += [("INDIRECT", source, "") for source in edges.indirect]
        for type_, source, text in how:
            start = self._field(source.table, source.column)
            if start is not None:
                made = Transformation(type_, source.subtype, text, source.masking)
                dataset = self._datasets[edges.output.table].key
                self.claims.add(Claim(self._of_columns, EdgeKind.FIELD, start, target, dataset, made))

    def uses(self) -> set[Used]:
        """Return what the statement uses; claim the fields that the job reads where it writes nothing."""
        tables = self._lineage.inputs, self._lineage.outputs
        inputs, outputs = ({key for t in each if (key := self._dataset(t.name))} for each in tables)
        found = {Used(key, Use.WRITES) for key in outputs}
        for edges in self._lineage.columns:
            found |= self._fields_used(edges, reads_only=not outputs)
        words = mentioned(self._lineage) if inputs and not outputs and self._reads_known else set()
        for table in self._lineage.inputs:
            if (key := self._dataset(table.name)) is not None:
                found |= self._table_used(table.name, key, words, reads_only=not outputs)
        return found

    def _table_used(self, table: str, key: int, words: Collection[str], *, reads_only: bool) -> set[Used]:
        """Return how a table is read: also the columns that are named and lead nowhere."""
        columns = self._columns.get(key, ())
        found = set()
        for column in mentioned_columns(words, columns):
            if (field := self._field(table, column)) is not None:
                found.add(Used(field, Use.CONDITION))
                made = Transformation("INDIRECT")
                self.claims.add(Claim(Origin.SQL_DOUBTFUL, EdgeKind.USES, field, self._job, 0, made))
        known = self._reads_known and (bool(columns) or not words)
        if reads_only:
            of = Origin.SQL_CERTAIN if known else Origin.SQL_DOUBTFUL
            self.claims.add(Claim(of, EdgeKind.UNDERSTOOD, key, self._job))
        return found | {Used(key, Use.READS if known else Use.READS_UNKNOWN)}

    def _fields_used(self, edges: ColumnEdges, *, reads_only: bool) -> set[Used]:
        written = self._field(edges.output.table, edges.output.column)
        found = set() if written is None else {Used(written, Use.FILLS)}
        for sources, use, type_ in (
            (edges.inputs, Use.VALUE, "DIRECT"),
            (edges.indirect, Use.CONDITION, "INDIRECT"),
        ):
            for source in sources:
                key = self._field(source.table, source.column)
                if key is None:
                    continue
                found.add(Used(key, use))
                if reads_only:
                    made = Transformation(type_, source.subtype, "", source.masking)
                    self.claims.add(Claim(self._of_columns, EdgeKind.USES, key, self._job, 0, made))
        return found

    def _claim(self, kind: EdgeKind, source: int, target: int) -> None:
        self.claims.add(Claim(self._of_tables, kind, source, target))

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
