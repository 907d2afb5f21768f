"""Which edges and tables of a statement a second engine gives too."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from lineage.sql.results import Column, ColumnEdges, Source, StatementLineage, Table

_IN_EXPRESSION = frozenset({"CONDITIONAL", "WINDOW"})
"""The INDIRECT sources that stand in a column's expression; of the others a second engine says nothing."""

_UNNAMED = re.compile(r"_col_\d+")


def confirmed(
    statement: StatementLineage,
    inputs: Iterable[Table],
    outputs: Iterable[Table],
    edges: Iterable[tuple[Column, Column]],
) -> StatementLineage:
    """Return a statement with `confirmed` set on its tables and sources.

    Names are compared without regard to case, and by their ends: `orders` and `shop.orders` agree. What
    decides about rows (JOIN, FILTER, GROUP_BY, SORT) stays None.
    """
    known = {(_key(output.column), _key(source.column)): set[str]() for output, source in edges}
    for output, source in edges:
        known[_key(output.column), _key(source.column)].add(source.table.casefold())

    def marked(output: Column, source: Source) -> Source:
        tables = known.get((_key(output.column), _key(source.column)), ())
        return replace(source, confirmed=_named(source.table, tables))

    def marked_edges(each: ColumnEdges) -> ColumnEdges:
        return replace(
            each,
            inputs=tuple(marked(each.output, source) for source in each.inputs),
            indirect=tuple(
                marked(each.output, source) if source.subtype in _IN_EXPRESSION else source
                for source in each.indirect
            ),
        )

    read = {table.name.casefold() for table in inputs}
    written = {table.name.casefold() for table in outputs}
    return replace(
        statement,
        inputs=tuple(replace(table, confirmed=_named(table.name, read)) for table in statement.inputs),
        outputs=tuple(replace(table, confirmed=_named(table.name, written)) for table in statement.outputs),
        columns=tuple(marked_edges(each) for each in statement.columns),
    )


def _key(column: str) -> str:
    return "_col" if _UNNAMED.fullmatch(column) else column.casefold()


def _named(name: str, known: Collection[str]) -> bool:
    mine = name.casefold()
    return any(f".{mine}".endswith(f".{each}") or f".{each}".endswith(f".{mine}") for each in known)
