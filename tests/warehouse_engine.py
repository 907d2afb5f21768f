"""A small warehouse behind the faked services: DuckDB runs what their dialects say."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp


@dataclass
class Answer:
    """What a statement gave: names and types of columns, rows, and what a warehouse says of it."""

    kind: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    changed: int | None = None
    read: list[str] = field(default_factory=list)


class Warehouse:
    """Tables that statements of one dialect are run on; `statements` are all that came."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.statements: list[str] = []
        self._lock = threading.Lock()
        self._connection = duckdb.connect()
        self._connection.execute("CREATE SCHEMA shop; SET search_path = 'shop,main'")

    def close(self) -> None:
        self._connection.close()

    def run(self, text: str) -> Answer:
        """Run one statement; raises LookupError for one that cannot be run."""
        with self._lock:
            self.statements.append(text)
            try:
                return self._run(text)
            except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
                raise LookupError(str(error).splitlines()[0]) from error

    def _run(self, text: str) -> Answer:
        (tree,) = sqlglot.parse(text, read=self.dialect)
        assert tree is not None
        kind = _KINDS.get(type(tree), tree.key.upper())
        if kind == "CREATE TABLE" and tree.expression is not None:
            kind = "CREATE_TABLE_AS_SELECT"
        tables = [table for table in tree.find_all(exp.Table) if table.name]
        read = [table.sql(dialect="duckdb", identify=False).split(" ")[0] for table in tables]
        for table in tables:
            table.set("catalog", None)
        if kind in ("BEGIN", "COMMIT", "ROLLBACK", "USE", "ALTER"):
            return Answer(kind)
        done = self._connection.execute(tree.sql(dialect="duckdb"))
        columns = [(name, str(code)) for name, code, *_ in done.description or ()]
        rows = done.fetchall()
        if kind in ("INSERT", "UPDATE", "DELETE"):
            return Answer(kind, changed=rows[0][0], read=read[1:])
        return Answer(kind, columns if kind == "SELECT" else [], rows, read=read)


_KINDS = {
    exp.Select: "SELECT",
    exp.Union: "SELECT",
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Create: "CREATE TABLE",
    exp.Transaction: "BEGIN",
    exp.Commit: "COMMIT",
    exp.Rollback: "ROLLBACK",
    exp.Use: "USE",
    exp.Alter: "ALTER",
}
