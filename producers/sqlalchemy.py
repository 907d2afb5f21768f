"""Queries of SQLAlchemy engines: core, ORM and `text()`, on every dialect, sync and async.

Hooks the events at which dialects hand a statement to their driver, and does there what SQLAlchemy would do
next, so a query is just the driver's work. One query per call of the driver: an `executemany` is one, a
batched insert one per batch, a savepoint one. BEGIN, COMMIT and failures to connect are none, nor is what
SQLAlchemy asks a database by itself on the first connection. A failure while rows are fetched later is told
as a query of its own, whose attribute `phase` is `fetch` and whose parent is the first.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any
from weakref import ref

from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query, Source, Transactions, begin_query
from lineage.datasets import database_namespace
from lineage.datasets.databases import connection_path, read_connection
from lineage.errors import InstrumentError
from lineage.sql.dialects import dialect_of
from producers._base import Producer, missing, module_version, replace
from producers._dbapi import ending, finish, settle

try:
    import sqlalchemy
    from sqlalchemy import event
    from sqlalchemy.engine import Connection, Engine

    from producers._sqlalchemy_tables import reflected, tables_of
except ImportError as error:
    raise missing("sqlalchemy", "sqlalchemy", error) from error


def source_of(url: Any, dialect: Any) -> Source:
    """Return what an engine's address and dialect say about its queries."""
    namespace = database = schema = None
    with guard("naming a database"):
        namespace, database = database_namespace(url)
        if database is not None and "." in database:  # some URLs name a schema besides
            database, schema, *_ = (*connection_path(read_connection(url)), None)
    return Source(
        dialect_name(dialect.name),
        "sqlalchemy",
        db_name=database or url.database or None,
        db_host=url.host or None,
        dialect=dialect_of(dialect.name),
        namespace=namespace,
        default_schema=schema or getattr(dialect, "default_schema_name", None),
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
            ("do_execute", _do_execute, {}),
            ("do_executemany", _do_executemany, {}),
            ("do_execute_no_params", _do_execute_no_params, {}),
            ("handle_error", _failed, {"insert": True}),
        ):
            event.listen(Engine, moment, handler, **options)
            undo.callback(event.remove, Engine, moment, handler)
        event.listen(sqlalchemy.Table, "column_reflect", reflected)
        undo.callback(event.remove, sqlalchemy.Table, "column_reflect", reflected)
        if not _ENDINGS.keys() <= vars(Connection).keys():  # what is not seen to be committed is not claimed
            raise InstrumentError(self.name, f"how version {self.version()} commits is not known")
        for name, ended in _ENDINGS.items():
            replace(Connection, name, ending(vars(Connection)[name], ended), undo)

    def subject(self, target: Any) -> Any:
        """Return the dialect of an engine, which all forms of the engine share."""
        engine = getattr(target, "sync_engine", target)
        if not isinstance(engine, Engine):
            raise InstrumentError(self.name, f"give an engine, not {type(target).__name__}")
        return engine.dialect

    def install(self, target: Any = None) -> None:
        """As every producer; what was decided about dialects is decided anew."""
        super().install(target)
        _sources.clear()

    def uninstall(self, target: Any = None) -> None:
        """As every producer; what was decided about dialects is decided anew."""
        super().uninstall(target)
        _sources.clear()

    def version(self) -> str:
        """Return SQLAlchemy's version."""
        return module_version(sqlalchemy)


PRODUCER = SQLAlchemyProducer()

_Known = tuple[Source | None, ref[Any]]
_sources: dict[int, _Known] = {}
"""By the id of a dialect: what is known of it, None for one that is not watched. Goes with the dialect."""

_BEGINNING = guard("beginning an SQLAlchemy query")
_TELLING = guard("telling of a failure to fetch")

_EXECUTE = getattr(Connection.execute, "__code__", None)
_DEPTH = 6
"""How far from `_begin` its frame is: the four between it and our listener are SQLAlchemy's own, always."""


def _do_execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool | None:
    # The way of nearly every statement: `_run` written out, as each call costs the host.
    query = _begin(statement, context)
    if query is None:
        return None
    dialect = context.dialect
    try:
        last, others = None, dialect.dispatch.do_execute
        for listener in others:
            last = listener
        if last is _do_execute or not _is_done_behind(
            _do_execute, others, cursor, statement, parameters, context
        ):
            dialect.do_execute(cursor, statement, parameters, context)
    except BaseException as error:
        finish(query, context, error, _standing)
        raise
    settle(query, _standing, context)
    finish(query, cursor)
    return True


def _do_executemany(cursor: Any, statement: str, parameters: Any, context: Any) -> bool | None:
    query = _begin(statement, context)
    if query is None:
        return None
    others, do = context.dialect.dispatch.do_executemany, context.dialect.do_executemany
    return _run(query, _do_executemany, others, do, cursor, statement, parameters, context)


def _do_execute_no_params(cursor: Any, statement: str, context: Any) -> bool | None:
    query = _begin(statement, context)
    if query is None:
        return None
    others, do = context.dialect.dispatch.do_execute_no_params, context.dialect.do_execute_no_params
    return _run(query, _do_execute_no_params, others, do, cursor, statement, context)


def _begin(statement: str, context: Any) -> Query | None:
    """Begin the query of a statement, open while our caller runs; None where SQLAlchemy goes on by itself.

    Only statements of a transaction are the application's: it begins by itself with the first one. Those of
    a first connection come before, as does the BEGIN of an application that writes it itself.
    """
    begun = None
    with _BEGINNING:
        if context is None:
            return None
        known = _sources.get(id(context.dialect))
        if known is not None and known[0] is None:  # asked first: engines beside ours should pay least
            return None
        if not context.root_connection.in_transaction():
            return None
        if known is None:
            known = _look_at(context)
        source = known[0]
        if source is None:
            return None
        try:
            frame = sys._getframe(_DEPTH)
            if frame.f_code is not _EXECUTE:
                frame = sys._getframe(2)
        except ValueError:  # the stack is less deep: that of a coroutine, in a greenlet
            frame = sys._getframe(2)
        begun = begin_query(statement, source, frame=frame)
        if begun is UNRECORDED:
            return None
        context._lineage_told = begun
        begun.tables = tables_of(statement, context)
        begun.enter(frame)
    return begun


def _look_at(context: Any) -> _Known:
    """Decide whether a dialect is watched, and remember what is known of its engine."""
    dialect = context.dialect
    number = id(dialect)
    source = None
    if PRODUCER.watches(dialect):
        source = source_of(context.root_connection.engine.url, dialect)
    known = source, ref(dialect, lambda _: _sources.pop(number, None))
    _sources[number] = known
    if PRODUCER.watches(dialect) is not (source is not None):  # in another thread, meanwhile
        del _sources[number]
    return known


def _run(query: Query, own: Any, listeners: Any, do: Any, cursor: Any, *work: Any) -> bool:
    """Do what SQLAlchemy does after this listener: ask the listeners behind it, else the dialect."""
    context = work[-1]
    try:
        if not _is_done_behind(own, listeners, cursor, *work):
            do(cursor, *work)
    except BaseException as error:
        finish(query, context, error, _standing)
        raise
    settle(query, _standing, context)
    finish(query, cursor)
    return True


def _is_done_behind(own: Any, listeners: Any, *work: Any) -> bool:
    """Whether a listener behind ours has done the work."""
    behind = False
    for listener in listeners:
        if behind and listener(*work):
            return True
        behind = behind or listener is own
    return False


def _standing(context: Any) -> tuple[Transactions, bool]:
    """Return a connection's transactions, and whether it is in one: it always is, but for AUTOCOMMIT."""
    connection = context.root_connection
    transactions: Transactions | None = getattr(connection, "_lineage_transactions", None)
    if transactions is None:
        transactions = connection._lineage_transactions = Transactions()
    return transactions, not connection._is_autocommit_isolation()


def _committed(connection: Any, done: bool) -> None:
    transactions = getattr(connection, "_lineage_transactions", None)
    if transactions is not None:
        transactions.commit() if done else transactions.rollback()


def _rolled_back(connection: Any, done: bool) -> None:
    transactions = getattr(connection, "_lineage_transactions", None)
    if transactions is not None:
        transactions.rollback()


_ENDINGS = {
    "_commit_impl": _committed,
    "_commit_twophase_impl": _committed,
    "_rollback_impl": _rolled_back,
    "_rollback_twophase_impl": _rolled_back,
}
"""Where every COMMIT and ROLLBACK of a connection passes: listeners to these events are called too early."""


def _failed(failure: Any) -> None:
    """Tell of a statement whose rows could not be fetched: its execution was told as done."""
    with _TELLING:
        context = failure.execution_context
        told: Query | None = getattr(context, "_lineage_told", None)
        if told is not None and failure.statement is None:
            query = begin_query(told.text, told.source, frame=sys._getframe(1))
            if query is not UNRECORDED:
                query.parent = told
            query.set(attributes={"phase": "fetch"})
            query.end(failure.original_exception)
