"""The answer of `lineage.sql.extract` as short lines, for tests that compare many."""

from __future__ import annotations

from lineage.sql import ColumnEdges, Source, extract

_MARKS = {"IDENTITY": "", "TRANSFORMATION": " T", "AGGREGATION": " A"}


def direct(sql: str, dialect: str | None = None, schema: dict[str, list[str]] | None = None) -> list[str]:
    """Return a line for each written column: `o.total <- t.a, t.b T, t.c A masked`; nothing for no source."""
    result = extract(sql, dialect=dialect, schema=schema)
    return [
        f"{_name(edges)} <- {', '.join(map(_source, edges.inputs)) or 'nothing'}" for edges in result.columns
    ]


def indirect(
    sql: str, dialect: str | None = None, schema: dict[str, list[str]] | None = None
) -> dict[str, str]:
    """Return the indirect sources of each written column: `{"o.total": "t.a FILTER, t.b JOIN"}`."""
    result = extract(sql, dialect=dialect, schema=schema)
    return {
        _name(edges): ", ".join(sorted(f"{s.table}.{s.column} {s.subtype}" for s in edges.indirect))
        for edges in result.columns
    }


def inputs(sql: str, dialect: str | None = None) -> list[str]:
    """Return the names of the tables read."""
    return [table.name for table in extract(sql, dialect=dialect).inputs]


def _name(edges: ColumnEdges) -> str:
    return f"{edges.output.table}.{edges.output.column}".lstrip(".")


def _source(source: Source) -> str:
    return f"{source.table}.{source.column}{_MARKS[source.subtype]}{' masked' if source.masking else ''}"
