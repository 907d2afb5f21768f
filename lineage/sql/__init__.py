"""SQL text to tables, columns and transformations. Start with `extract`.

The parser is loaded by the first call, not by the import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineage.sql.dialects import dialect_of
from lineage.sql.results import Column, ColumnEdges, Source, SqlLineage, StatementLineage, Table

__all__ = [
    "Column",
    "ColumnEdges",
    "Source",
    "SqlLineage",
    "StatementLineage",
    "Table",
    "dialect_of",
    "extract",
]


def extract(
    sql: str,
    *,
    dialect: str | None = None,
    schema: Mapping[str, Mapping[str, str] | Sequence[str]] | None = None,
    default_namespace: str | None = None,
    default_schema: str | None = None,
    apart: bool = False,
    confirm: bool = False,
) -> SqlLineage:
    """Return the tables a SQL text reads and writes and where each written column comes from.

    `dialect` is any name `dialect_of` knows, or None for generic SQL. `schema` lists the columns of
    tables that are known, by dotted table name: it settles unqualified columns and expands stars.
    `default_schema` is the schema of table names written without one; it only serves to find them in
    `schema`, the names in the answer stay as written. `default_namespace` becomes the namespace of every
    table that is not a file with one of its own.

    The text may hold several statements: each has its own entry in `statements`, in order. Temporary
    tables of a script are collapsed into what they were made from in all but `statements`.

    As it stands this is safe in any program: it parses in this thread and refuses what is too long or nested
    too deep. `apart` is for programs of our own: what is refused or not understood so is tried again in a
    process of its own, with more room and a second engine. `confirm` asks that engine about every
    edge and table and implies `apart`.

    Nothing is raised for SQL that cannot be read: `problems` says what was not understood and why.
    Problems name tables, columns and places in the text, never a literal of it; `ColumnEdges.expression`
    is text of the statement and holds what literals it has.
    """
    if apart or confirm:
        from lineage.sql.apart import extract_apart

        return extract_apart(
            sql,
            dialect=dialect,
            schema=schema,
            default_namespace=default_namespace,
            default_schema=default_schema,
            confirm=confirm,
        )
    from lineage.sql.extraction import extract_cached

    return extract_cached(sql, dialect, schema, default_namespace, default_schema)
