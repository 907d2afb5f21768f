"""Queries of asyncpg: connections, those of pools too, prepared statements and cursors.

Hooks the classes, so connections that are open already are seen. One query per call of `execute`,
`executemany`, `fetch`, `fetchrow`, `fetchval`, `fetchmany` and the `copy_` methods, of connections, pools
and prepared statements; one per cursor, which ends with its first rows. Preparing is no query, nor is what
asyncpg executes by itself (BEGIN, COMMIT, savepoints of `transaction()`, the reset of a pool, LISTEN).
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import wraps
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query, Source, Transactions, begin_query
from lineage.errors import InstrumentError
from producers._base import Producer, missing, module_version, replace
from producers._dbapi import finish
from producers._postgresql import Known
from producers._postgresql import source_of as _source_of

try:
    import asyncpg
    from asyncpg.connection import Connection
    from asyncpg.cursor import BaseCursor
    from asyncpg.pool import PoolConnectionProxy
    from asyncpg.prepared_stmt import PreparedStatement
except ImportError as error:
    raise missing("asyncpg", "asyncpg", error) from error

Text = Callable[[Any, tuple[Any, ...], dict[str, Any]], object]


def source_of(address: Any, database: str | None, search_path: str | None) -> Source:
    """Return what a connection's address says: host and port, or the path of a socket."""
    if isinstance(address, str):
        folder, _, name = address.rpartition("/")
        port = int(name.rpartition(".")[2]) if name.rpartition(".")[2].isdigit() else 5432
        return _source_of("asyncpg", folder, port, database, search_path)
    return _source_of("asyncpg", address[0], address[1], database, search_path)


class AsyncpgProducer(Producer):
    """Captures the queries of all connections, or of some."""

    name = "asyncpg"
    minimum = "0.28.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods that run statements."""
        for kind, texts in _TEXTS.items():
            for name, text in texts.items():
                if name in vars(kind):
                    replace(kind, name, _captured(vars(kind)[name], text), undo)

    def subject(self, target: Any) -> Any:
        """Return the connection itself, also of one that a pool lends."""
        found = target._con if isinstance(target, PoolConnectionProxy) else target
        if not isinstance(found, Connection):
            raise InstrumentError(self.name, f"give a connection, not {type(target).__name__}")
        return found

    def version(self) -> str:
        """Return asyncpg's version."""
        return module_version(asyncpg)


PRODUCER = AsyncpgProducer()


def _first(subject: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return args[0] if args else kwargs.get("query", kwargs.get("command"))


def _prepared(statement: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return statement._query


def _of_cursor(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return cursor._state.query if cursor._state is not None else cursor._query


def _copying(direction: str) -> Text:
    def text(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        parts = (kwargs.get("schema_name"), args[0] if args else kwargs["table_name"])
        table = ".".join('"{}"'.format(str(part).replace('"', '""')) for part in parts if part)
        return f"COPY {table} {direction}"

    return text


def _copying_query(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return f"COPY ({_first(connection, args, kwargs)}) TO STDOUT"


_FETCHES = ("fetch", "fetchrow", "fetchval", "fetchmany", "executemany")
_TEXTS: dict[type, dict[str, Text]] = {
    Connection: {
        **dict.fromkeys(("execute", *_FETCHES), _first),
        "copy_from_query": _copying_query,
        "copy_from_table": _copying("TO STDOUT"),
        "copy_to_table": _copying("FROM STDIN"),
        "copy_records_to_table": _copying("FROM STDIN"),
    },
    PreparedStatement: dict.fromkeys(_FETCHES, _prepared),
    BaseCursor: {"_bind": _of_cursor, "_bind_exec": _of_cursor},
}

_OWN = frozenset(["asyncpg.connection", "asyncpg.transaction"])
"""What these modules ask, they ask by themselves."""


def _captured(method: Callable[..., Any], text: Text) -> Callable[..., Any]:
    """Return a method whose result is awaited inside a query, of the kind the method is."""
    fetches = method.__name__ in ("fetch", "fetchrow")

    async def run(subject: Any, awaitable: Awaitable[Any], args: Any, kwargs: Any, frame: FrameType) -> Any:
        if frame.f_globals.get("__name__") in _OWN:
            return await _controlled(subject, awaitable, args)
        query = _begin(subject, text, args, kwargs)
        try:
            result = await awaitable
        except BaseException as error:
            finish(query, subject, error, _standing)
            raise
        with _ENDING:
            query.set(rows=_rows(result, fetches=fetches))
        finish(query, subject, None, _standing)
        return result

    if inspect.iscoroutinefunction(method):

        @wraps(method)
        async def coroutine(subject: Any, *args: Any, **kwargs: Any) -> Any:
            return await run(subject, method(subject, *args, **kwargs), args, kwargs, sys._getframe(1))

        return coroutine

    @wraps(method)
    def call(subject: Any, *args: Any, **kwargs: Any) -> Any:  # what it refuses, it refuses at once
        return run(subject, method(subject, *args, **kwargs), args, kwargs, sys._getframe(1))

    return call


_COUNT = re.compile(r"[A-Z ]+ (?:\d+ )?(\d+)")


def _rows(result: Any, *, fetches: bool) -> int | None:
    """Return how many rows a result has, or its `INSERT 0 5` says; None where it says nothing of that."""
    if fetches:
        return len(result) if isinstance(result, list) else int(result is not None)
    found = _COUNT.fullmatch(result) if isinstance(result, str) else None
    return int(found[1]) if found is not None else None


_BEGINNING = guard("beginning an asyncpg query")
_ENDING = guard("ending an asyncpg query")
_sources: WeakKeyDictionary[Any, Known] = WeakKeyDictionary()


def _connection(subject: Any) -> Any:
    return subject if isinstance(subject, Connection) else subject._connection


def _begin(subject: Any, text: Text, args: Any, kwargs: Any) -> Query:
    """Begin the query of a method's call, open while its caller runs."""
    begun = UNRECORDED
    with _BEGINNING:
        connection = _connection(subject)
        if not PRODUCER.everywhere and not PRODUCER.watches(connection):
            return UNRECORDED
        frame = sys._getframe(1)
        begun = begin_query(text(subject, args, kwargs), _known(connection).source, frame=frame)
        begun.enter(frame)
    return begun


def _known(connection: Any) -> Known:
    # What servers from PostgreSQL 18 on tell of each SET; older ones never do.
    search_path = getattr(connection._protocol.get_settings(), "search_path", None)
    known = _sources.get(connection)
    if known is None or known.search_path != search_path:
        source = source_of(connection._addr, connection._params.database, search_path)
        known = Known(search_path, source, known.transactions if known is not None else Transactions())
        _sources[connection] = known
    return known


def _standing(subject: Any) -> tuple[Transactions, bool]:
    """Return a connection's transactions, and whether it is in one, as the server said last."""
    connection = _connection(subject)
    known = _sources.get(connection)
    transactions = known.transactions if known is not None else Transactions()
    return transactions, connection.is_closed() or connection.is_in_transaction()


async def _controlled(connection: Any, awaitable: Awaitable[Any], args: Any) -> Any:
    """Await what asyncpg executes by itself, and note the transactions that it ends."""
    try:
        result = await awaitable
    except BaseException:
        _end(connection, args, failed=True)
        raise
    _end(connection, args, failed=False)
    return result


def _end(connection: Any, args: Any, *, failed: bool) -> None:
    with _ENDING:
        known = _sources.get(connection)
        if known is None or not args or not isinstance(args[0], str):
            return
        if not failed:
            known.transactions.executed(args[0])
        elif args[0].startswith("COMMIT"):
            known.transactions.rollback()
