"""The content of a DuckDB database, and the id in it: a table of one row.

DuckDB writes the same content in many ways, so the hash is not of the bytes: it is a tree of the tables,
each as `hash_table` of its rows in the order DuckDB keeps them, and of the statements of views. The table
of the id is left out. Types are those that DuckDB tells Arrow: another major version may tell them
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lineage.errors import ContentError, MissingDependencyError
from lineage.provenance.canonical import content_text, encode, hasher
from lineage.provenance.embedded import is_id
from lineage.provenance.tables import hash_table

TABLE = "lineage_graph"
LOGS = (".wal",)
"""What DuckDB puts behind a database's name for a file beside it, whose content is the database's."""

_TABLES = "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database()"
_VIEWS = "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE database_name = current_database()"
_BATCH = 65_536


def hash_database(path: Path) -> str:
    """Return `tree-sha256:HEX` of what the database holds; ContentError when it cannot be read."""
    with _open(path, read_only=True) as connection:
        connection.execute("BEGIN")  # one moment of it
        marked = ("main", TABLE) if _slot(connection) is not None else None
        tables = [table for table in connection.execute(_TABLES).fetchall() if table != marked]
        views = connection.execute(f"{_VIEWS} AND NOT internal").fetchall()
        parts: list[object] = [("view", *view) for view in views]
        parts += [("table", *table, _hash_rows(connection, *table)) for table in tables]
    digest = hasher("duckdb")
    digest.update(encode(sorted(parts, key=encode)))
    return content_text("tree", digest)


def read_text(path: Path) -> str | None:
    """Return the text of the id, or None."""
    with _open(path, read_only=True) as connection:
        return _slot(connection)


def write_text(path: Path, text: str) -> None:
    """Put an id in, in one transaction; OSError when it cannot be, and nothing is changed then."""
    try:
        with _open(path, read_only=False) as connection:
            connection.execute("BEGIN")
            if _slot(connection) is None:
                connection.execute(f"CREATE TABLE main.{TABLE} (id VARCHAR NOT NULL)")
            connection.execute(f"DELETE FROM main.{TABLE}")
            connection.execute(f"INSERT INTO main.{TABLE} VALUES (?)", [text])
            connection.execute("COMMIT")
    except ContentError as error:
        raise OSError(str(error)) from error


def _slot(connection: Any) -> str | None:
    """Return the text of our table when it is ours: one column and one row, an id."""
    columns = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database()"
        " AND schema_name = 'main' AND table_name = ?",
        [TABLE],
    ).fetchall()
    if columns != [("id", "VARCHAR")]:
        return None
    rows = connection.execute(f"SELECT id FROM main.{TABLE} LIMIT 2").fetchall()
    return rows[0][0] if len(rows) == 1 and is_id(rows[0][0]) else None


def _hash_rows(connection: Any, schema: str, table: str) -> str:
    schema, table = (name.replace('"', '""') for name in (schema, table))
    rows = connection.sql(f'SELECT * FROM "{schema}"."{table}"')
    read = (
        rows.to_arrow_reader if hasattr(rows, "to_arrow_reader") else rows.fetch_arrow_reader
    )  # of DuckDB 1
    return hash_table(read(_BATCH))


@contextmanager
def _open(path: Path, *, read_only: bool) -> Iterator[Any]:
    try:
        import duckdb
    except ImportError as error:
        raise MissingDependencyError("duckdb", extra="duckdb") from error
    try:
        try:
            connection = duckdb.connect(str(path), read_only=read_only)
        except duckdb.ConnectionException:  # open for writing in this process
            connection = duckdb.connect(str(path))
        with connection:
            yield connection
    except duckdb.Error as error:
        raise ContentError(f"the DuckDB database {path} cannot be read: {error}") from error
