"""Queries of SQLAlchemy engines: core, ORM and `text()`, on every dialect, sync and async.

Hooks the cursor events of all engines, which see each statement as the driver gets it. One query per call of
the driver: an `executemany` is one, a batched insert one per batch, a savepoint one. BEGIN, COMMIT and
failures to connect are none, nor is what SQLAlchemy asks a database by itself on the first connection. A
query ends when the driver returns; a failure while rows are fetched later is told as a query of its own,
whose attribute `phase` is `fetch` and whose parent is the first.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any
from weakref import WeakKeyDictionary

from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query, Source, begin_query
from lineage.datasets import database_namespace
from lineage.errors import InstrumentError
from lineage.sql.dialects import dialect_of
from producers._base import Producer, missing, module_version
from producers._dbapi import finish

try:
    import sqlalchemy
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
except ImportError as error:
    raise missing("sqlalchemy", "sqlalchemy", error) from error

_QUERY = "_lineage_query"
_TOLD = "_lineage_told"


def source_of(url: Any, dialect: Any) -> Source:
    """Return what an engine's address and dialect say about its queries."""
    namespace = None
    with guard("naming a database"):
        namespace, _ = database_namespace(url)
    return Source(
        dialect_name(dialect.name),
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


class SQLAlchemyProducer(Producer):
    """Captures the queries of all engines, or of some."""

    name = "sqlalchemy"
    minimum = "2.0.0"

    def hook(self, undo: ExitStack) -> None:
        """Listen to all engines; first to failures, as a later listener is not called if one raises."""
        for moment, handler, options in (
            ("before_cursor_execute", _before, {"retval": True}),
            ("after_cursor_execute", _after, {}),
            ("handle_error", _failed, {"insert": True}),
        ):
            event.listen(Engine, moment, handler, **options)
            undo.callback(event.remove, Engine, moment, handler)

    def subject(self, target: Any) -> Any:
        """Return the dialect of an engine, which all forms of the engine share."""
        engine = getattr(target, "sync_engine", target)
        if not isinstance(engine, Engine):
            raise InstrumentError(self.name, f"give an engine, not {type(target).__name__}")
        return engine.dialect

    def version(self) -> str:
        """Return SQLAlchemy's version."""
        return module_version(sqlalchemy)


PRODUCER = SQLAlchemyProducer()

_sources: WeakKeyDictionary[Any, Source] = WeakKeyDictionary()
_BEGINNING = guard("beginning an SQLAlchemy query")
_ENDING = guard("ending an SQLAlchemy query")


def _source(engine: Any) -> Source:
    found = _sources.get(engine.dialect)
    if found is None:
        found = _sources[engine.dialect] = source_of(engine.url, engine.dialect)
    return found


def _before(
    conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    with _BEGINNING:
        if context is not None and (PRODUCER.everywhere or PRODUCER.watches(conn.dialect)):
            frame = sys._getframe(1)
            query = begin_query(statement, _source(conn.engine), frame=frame)
            if query is not UNRECORDED:
                query.enter(frame)
                context.__dict__[_QUERY] = query
    return statement, parameters


def _after(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    with _ENDING:
        query = _taken(context)
        if query is not None:
            finish(query, cursor)
            context.__dict__[_TOLD] = query


def _failed(failure: Any) -> None:
    with _ENDING:
        query = _taken(failure.execution_context)
        if query is not None:
            finish(query, None, failure.original_exception)
        elif failure.execution_context is not None and failure.statement is None:
            _failed_fetch(failure)


def _failed_fetch(failure: Any) -> None:
    """Tell of a statement whose rows could not be fetched: its execution was told as done."""
    told: Query | None = failure.execution_context.__dict__.get(_TOLD)
    if told is not None:
        query = begin_query(told.text, told.source, frame=sys._getframe(2))
        if query is not UNRECORDED:
            query.parent = told
        query.set(attributes={"phase": "fetch"})
        query.end(failure.original_exception)


def _taken(context: Any) -> Query | None:
    query: Query | None = context.__dict__.pop(_QUERY, None) if context is not None else None
    return query
