"""Queries of SQLAlchemy engines: core, ORM and `text()`, on every dialect, sync and async.

Hooks the cursor events of engines, which see each statement as the driver gets it. One query per execution,
`executemany` and batched inserts included; BEGIN, COMMIT and failures to connect are none. What the ORM does
on rows later is not measured; a failure while rows are fetched is told as a query of its own, whose attribute
`phase` is `fetch`.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

from lineage._guard import guard
from lineage.attribution import Query, Source, begin_query
from lineage.datasets import database_namespace
from lineage.errors import InstrumentError
from lineage.sql.dialects import dialect_of
from producers._base import Producer, missing, module_version

try:
    import sqlalchemy
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
except ImportError as error:
    raise missing("sqlalchemy", "sqlalchemy", error) from error

_KEY = "_lineage_query"


class SQLAlchemyProducer(Producer):
    """Captures the queries of one engine, or of all engines."""

    name = "sqlalchemy"
    minimum = "1.4.40"

    def hook(self, undo: ExitStack) -> None:
        """Listen to the engine; an async one's statements are those of the sync engine inside it."""
        engine = getattr(self.target, "sync_engine", self.target)
        if engine is not None and not isinstance(engine, Engine):
            raise InstrumentError(self.name, f"give an engine, not {type(self.target).__name__}")
        for moment, handler in (
            ("before_cursor_execute", _before),
            ("after_cursor_execute", _after),
            ("handle_error", _failed),
        ):
            event.listen(engine or Engine, moment, handler)
            undo.callback(event.remove, engine or Engine, moment, handler)

    @classmethod
    def version(cls) -> str:
        """Return SQLAlchemy's version."""
        return module_version(sqlalchemy)


def source_of(url: Any, dialect: Any) -> Source:
    """Return what an engine's address and dialect say about its queries."""
    system = dialect_name(dialect.name)
    namespace = None
    with guard("naming a database"):
        namespace, _ = database_namespace(url.render_as_string(hide_password=True))
    return Source(
        system,
        "sqlalchemy",
        db_name=url.database or None,
        db_host=url.host or None,
        dialect=dialect_of(dialect.name),
        namespace=namespace,
        default_schema=getattr(dialect, "default_schema_name", None),
    )


def dialect_name(name: str) -> str:
    """Return a dialect's name as the name of a database system: `postgresql`, `mysql`, `mssql`."""
    return name.partition("+")[0].lower()


@lru_cache(maxsize=256)
def _source(engine: Any) -> Source:
    return source_of(engine.url, engine.dialect)


def _before(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    with guard("beginning an SQLAlchemy query"):
        source = Source("unknown", "sqlalchemy")
        with guard("reading an engine's address"):
            source = _source(conn.engine)
        query = begin_query(statement, source, frame=sys._getframe(1))
        query.enter()
        setattr(context, _KEY, query)


def _after(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    with guard("ending an SQLAlchemy query"):
        query = _taken(context)
        if query is not None:
            query.leave()
            query.set(rows=_rows(cursor))
            query.end()


def _failed(context: Any) -> None:
    with guard("ending a failed SQLAlchemy query"):
        error = context.original_exception
        query = _taken(context.execution_context)
        if query is not None:
            query.leave()
            query.end(error)
        elif context.execution_context is not None and context.statement is None:
            _failed_fetch(context, error)


def _failed_fetch(context: Any, error: BaseException) -> None:
    """Tell of a statement whose rows could not be fetched: its execution was told as done."""
    statement = getattr(context.execution_context, "statement", None)
    if statement is not None:
        query = begin_query(statement, _source(context.engine), frame=sys._getframe(2))
        query.set(attributes={"phase": "fetch"})
        query.end(error)


def _taken(context: Any) -> Query | None:
    query: Query | None = getattr(context, "__dict__", {}).pop(_KEY, None)
    return query


def _rows(cursor: Any) -> int | None:
    rows = getattr(cursor, "rowcount", None)
    return rows if isinstance(rows, int) and rows >= 0 else None
