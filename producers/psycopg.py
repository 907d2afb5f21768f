"""Queries of psycopg 3: sync and async connections, cursors of every kind, COPY and streams.

Hooks the cursor classes, so `connection.execute`, cursors of `connection.cursor()` and cursors made by hand
are all seen. One query per call of `execute`, `executemany`, `copy` and `stream`, however many statements or
sets of parameters it is given: `copy` and `stream` end when their block or iteration does, the others with
the call. `rows` are those of the first result; the rows of a server cursor are fetched later and not known.

In pipeline mode a call only submits: its query says so in the attribute `pipeline`, its time is that of the
submission, and a failure that shows at a later call is not its own. What psycopg does by itself (BEGIN,
COMMIT, savepoints of `transaction()`, closing a server cursor) is no query.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from lineage._calls import around_calls
from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query, Source, Transactions, begin_query
from lineage.errors import InstrumentError
from lineage.redaction import statement_text
from producers._base import Producer, missing, module_version, replace
from producers._dbapi import captured, finish
from producers._postgresql import Known
from producers._postgresql import first_schema as first_schema
from producers._postgresql import source_of as _source_of

try:
    import psycopg
except ImportError as error:
    raise missing("psycopg", "psycopg", error) from error

_METHODS = ("execute", "executemany", "stream", "copy")
_CONTROL = "_exec_command"
"""Of connections, sync and async: runs what psycopg executes by itself."""


def source_of(host: str, port: int, database: str, search_path: str | None) -> Source:
    """Return what a connection's address says about its queries."""
    return _source_of("psycopg", host, port, database, search_path)


class PsycopgProducer(Producer):
    """Captures the queries of all connections, or of some."""

    name = "psycopg"
    minimum = "3.1.4"

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods of the cursor classes that run statements."""
        for kind in cursor_classes():
            for method in _METHODS:
                if method in vars(kind):
                    replace(kind, method, _captured(vars(kind)[method]), undo)
        holders = [kind for kind in psycopg.Connection.__mro__ if _CONTROL in vars(kind)]
        if not holders:  # a commit that is not seen would leave all that was written unclaimed
            raise InstrumentError(self.name, f"how version {self.version()} commits is not known")
        for kind in holders:
            replace(kind, _CONTROL, _controlled(vars(kind)[_CONTROL]), undo)

    def subject(self, target: Any) -> Any:
        """Return the connection itself."""
        if not isinstance(target, psycopg.Connection | psycopg.AsyncConnection):
            raise InstrumentError(self.name, f"give a connection, not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return psycopg's version."""
        return module_version(psycopg)


PRODUCER = PsycopgProducer()


def cursor_classes() -> list[type]:
    """Return the cursor classes that this version of psycopg has."""
    named = [getattr(psycopg, name, None) for name in psycopg.__all__ if name.endswith("Cursor")]
    return [kind for kind in named if isinstance(kind, type)]


def _captured(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a cursor's method with its query captured, of the kind the method is."""
    if method.__name__ == "copy":
        return _copy_async(method) if "Async" in method.__qualname__ else _copy(method)
    if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        return around_calls(method, lambda args, kwargs: _Stream(args[0], _begin(args[0], args[1:], kwargs)))
    return _call_async(method) if inspect.iscoroutinefunction(method) else captured(method, _enter, _standing)


def _call_async(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def call(cursor: Any, *args: Any, **kwargs: Any) -> Any:
        query = _enter(cursor, args, kwargs)
        try:
            result = await method(cursor, *args, **kwargs)
        except BaseException as error:
            finish(query, cursor, error, _standing)
            raise
        finish(query, cursor, None, _standing)
        return result

    return call


class _Stream:
    """The query of a stream: not open while its consumer's code runs."""

    __slots__ = ("_cursor", "_query", "enter", "leave")

    def __init__(self, cursor: Any, query: Query) -> None:
        self._cursor = cursor
        self._query = query
        self.enter = query.enter
        self.leave = query.leave

    def __enter__(self) -> None:
        self._query.enter(sys._getframe(1))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        finish(self._query, self._cursor, error, _standing)


def _copy(method: Callable[..., AbstractContextManager[Any]]) -> Callable[..., Any]:
    @contextmanager
    def captured(cursor: Any, args: Any, kwargs: Any, copying: Any) -> Generator[Any, None, None]:
        query = _begin(cursor, args, kwargs)
        try:
            with copying as opened:
                yield opened
        except BaseException as error:
            finish(query, cursor, error, _standing)
            raise
        finish(query, cursor, None, _standing)

    @wraps(method)
    def copy(cursor: Any, *args: Any, **kwargs: Any) -> AbstractContextManager[Any]:
        return captured(cursor, args, kwargs, method(cursor, *args, **kwargs))

    return copy


def _copy_async(method: Callable[..., AbstractAsyncContextManager[Any]]) -> Callable[..., Any]:
    @asynccontextmanager
    async def captured(cursor: Any, args: Any, kwargs: Any, copying: Any) -> AsyncGenerator[Any, None]:
        query = _begin(cursor, args, kwargs)
        try:
            async with copying as opened:
                yield opened
        except BaseException as error:
            finish(query, cursor, error, _standing)
            raise
        finish(query, cursor, None, _standing)

    @wraps(method)
    def copy(cursor: Any, *args: Any, **kwargs: Any) -> AbstractAsyncContextManager[Any]:
        return captured(cursor, args, kwargs, method(cursor, *args, **kwargs))

    return copy


_BEGINNING = guard("beginning a psycopg query")
_ENDING = guard("noting the end of a psycopg transaction")
_sources: WeakKeyDictionary[Any, Known] = WeakKeyDictionary()


def _begin(cursor: Any, args: Any, kwargs: Any, *, enter: bool = False, depth: int = 1) -> Query:
    """Begin the query of a call of a cursor's method, open while the caller runs if `enter`."""
    begun = UNRECORDED
    with _BEGINNING:
        connection = cursor.connection
        if not PRODUCER.everywhere and not PRODUCER.watches(connection):
            return UNRECORDED
        text = args[0] if args else kwargs.get("query", kwargs.get("statement"))
        frame = sys._getframe(depth)
        begun = begin_query(text, _source(connection), frame=frame)
        if enter:
            begun.enter(frame)
        if connection.pgconn.pipeline_status:
            begun.set(attributes={"pipeline": True})
    return begun


def _enter(cursor: Any, args: Any, kwargs: Any) -> Query:
    return _begin(cursor, args, kwargs, enter=True, depth=2)


def _source(connection: Any) -> Source:
    try:
        # What servers from PostgreSQL 18 on tell of each SET; older ones never do.
        search_path = connection.pgconn.parameter_status(b"search_path")
    except psycopg.Error:  # the connection is closed
        return Source("postgresql", "psycopg", dialect="postgres")
    known = _sources.get(connection)
    if known is None or known.search_path != search_path:
        info = connection.info
        source = source_of(info.host, info.port, info.dbname, info.parameter_status("search_path"))
        transactions = known.transactions if known is not None else Transactions()
        known = _sources[connection] = Known(search_path, source, transactions)
    return known.source


def _standing(cursor: Any) -> tuple[Transactions, bool]:
    """Return a connection's transactions, and whether it is in one, as far as libpq knows without asking."""
    connection = cursor.connection
    known = _sources.get(connection)
    if known is None:  # it was closed before the query
        return Transactions(), True
    status = connection.pgconn.transaction_status
    if status == psycopg.pq.TransactionStatus.ACTIVE:  # in a pipeline the answer is still to come
        return known.transactions, not connection.autocommit or known.transactions.is_open
    return known.transactions, status != psycopg.pq.TransactionStatus.IDLE


def _controlled(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method by which a connection runs BEGIN, COMMIT and the like, with what they end noted."""

    @wraps(method)
    def run(connection: Any, command: Any, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        known = _sources.get(connection)
        if known is None or not known.transactions.is_open:
            return (yield from method(connection, command, *args, **kwargs))
        failed = connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.INERROR
        try:
            result = yield from method(connection, command, *args, **kwargs)
        except BaseException:
            _end(known.transactions, connection, command, failed=True)
            raise
        _end(known.transactions, connection, command, failed=failed)
        return result

    return run


def _end(transactions: Transactions, connection: Any, command: Any, *, failed: bool) -> None:
    with _ENDING:
        text = statement_text(command) or ""
        word = text[:9].upper()
        if word.startswith("COMMIT"):
            transactions.rollback() if failed else transactions.commit()
        elif word == "ROLLBACK" or text.upper().startswith("ROLLBACK PREPARED"):
            transactions.rollback()
        elif not text.upper().startswith("PREPARE"):  # its COMMIT PREPARED is still to come
            transactions.executed(text)
