"""The lineage of a SQL text as nodes and edges, to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.nodes import Node, dataset, field
from graph.queries.answer import AnswerEdge
from graph.records import EdgeKind, Transformation
from lineage.sql import ColumnEdges, Source, SqlLineage, StatementLineage

_RESULT = "result"
"""The name of what a bare query gives."""


def sql_graph(found: SqlLineage) -> tuple[list[Node], list[AnswerEdge]]:
    """Return tables and columns, and what is made from what, without the script's temporary tables.

    What decides about all rows of a table leads to the table, everything else to a column. A table read from
    which no column leads to the table written feeds it as a whole.
    """
    edges = [edge for statement in found.collapsed for edge in _Drawn(statement).edges()]
    ends = [node for edge in edges for node in (edge.source, edge.target)]
    tables = [
        dataset(table.namespace or "", table.name)
        for statement in found.collapsed
        for table in (*statement.inputs, *statement.outputs)
    ]
    framed = {dataset(node.namespace, node.name) for node in ends if node.field is not None}
    nodes = dict.fromkeys([*(table for table in tables if table not in framed), *ends])
    return list(nodes), _united(edges)


def row_sources(columns: Iterable[ColumnEdges]) -> list[Source]:
    """Return the INDIRECT sources that all columns of a table have: those that decide about its rows."""
    first, *others = columns
    shared = set(first.indirect).intersection(*(edges.indirect for edges in others))
    return [
        source
        for source in first.indirect
        if source in shared and source.subtype not in ("CONDITIONAL", "WINDOW")
    ]


class _Drawn:
    """One statement; its tables by name have their namespaces."""

    def __init__(self, statement: StatementLineage) -> None:
        self._statement = statement
        self._namespaces = {
            table.name: table.namespace or "" for table in (*statement.inputs, *statement.outputs)
        }

    def edges(self) -> Iterator[AnswerEdge]:
        statement = self._statement
        written = [table.name for table in statement.outputs]
        by_table: dict[str, list[ColumnEdges]] = {name: [] for name in written}
        for edges in statement.columns:
            by_table.setdefault(edges.output.table, []).append(edges)
        reached: set[str] = set()
        for name, columns in by_table.items():
            for edge in self._into(name, columns):
                reached.add(edge.source.name)
                yield edge
        for table in statement.inputs:
            if table.name not in reached:
                for name in {*written, *by_table} - {table.name} or {""}:
                    yield AnswerEdge(self._table(table.name), self._table(name), EdgeKind.FEEDS)

    def _into(self, name: str, columns: list[ColumnEdges]) -> Iterator[AnswerEdge]:
        rows = row_sources(columns) if columns else []
        for edges in columns:
            target = self._field(name, edges.output.column)
            for source in edges.inputs:
                yield self._edge(source, target, "DIRECT")
            for source in edges.indirect:
                if source not in rows:
                    yield self._edge(source, target, "INDIRECT")
        for source in rows:
            yield self._edge(source, self._table(name), "INDIRECT")

    def _edge(self, source: Source, target: Node, type_: str) -> AnswerEdge:
        made = Transformation(type_, source.subtype, masking=source.masking)
        return AnswerEdge(self._field(source.table, source.column), target, EdgeKind.FIELD, (), (made,))

    def _table(self, name: str) -> Node:
        return dataset(self._namespaces.get(name, ""), name or _RESULT)

    def _field(self, name: str, column: str) -> Node:
        return field(self._namespaces.get(name, ""), name or _RESULT, column)


def _united(edges: Iterable[AnswerEdge]) -> list[AnswerEdge]:
    """Return one edge for those between the same two ends, DIRECT ones apart from INDIRECT ones."""
    made: dict[tuple[Node, Node, EdgeKind, str], dict[Transformation, None]] = {}
    for edge in edges:
        type_ = edge.transformations[0].type if edge.transformations else ""
        known = made.setdefault((edge.source, edge.target, edge.kind, type_), {})
        known.update(dict.fromkeys(edge.transformations))
    return [
        AnswerEdge(source, target, kind, (), tuple(transformations))
        for (source, target, kind, _), transformations in made.items()
    ]
