"""Queries of psycopg 3: sync and async connections, cursors of every kind, COPY and streams.

Hooks the cursor classes, so `connection.execute`, cursors of `connection.cursor()` and cursors made by hand
are all seen; with a connection as target, its cursor factories. One query per `execute`, `executemany`,
`copy` and `stream` call: `copy` and `stream` end when their block or iteration does, the others with the
call. In pipeline mode a call only submits: its query says so in the attribute `pipeline`, and its time is
that of the submission.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
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
from lineage.attribution import UNRECORDED, Query, Source, begin_query
from lineage.datasets import database_namespace
from lineage.errors import InstrumentError
from producers._base import Producer, missing, module_version

try:
    import psycopg
except ImportError as error:
    raise missing("psycopg", "psycopg", error) from error

_METHODS = ("execute", "executemany", "stream", "copy")


class PsycopgProducer(Producer):
    """Captures the queries of one connection, or of all connections."""

    name = "psycopg"
    minimum = "3.1.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods of the cursor classes, or the factories of one connection."""
        if self.target is None:
            for kind in _cursor_classes():
                for method in _METHODS:
                    if method in vars(kind):
                        _replace(kind, method, _captured(vars(kind)[method]), undo)
        elif isinstance(self.target, psycopg.Connection | psycopg.AsyncConnection):
            for factory in ("cursor_factory", "server_cursor_factory"):
                _replace(self.target, factory, _subclass(getattr(self.target, factory)), undo)
        else:
            raise InstrumentError(self.name, f"give a connection, not {type(self.target).__name__}")

    @classmethod
    def version(cls) -> str:
        """Return psycopg's version."""
        return module_version(psycopg)


def source_of(host: str, port: int, database: str, search_path: str | None) -> Source:
    """Return what a connection says about its queries."""
    namespace = None
    if host and not host.startswith("/"):
        namespace, _ = database_namespace(f"postgresql://{host}:{port}/{database}")
    return Source(
        "postgresql",
        "psycopg",
        db_name=database or None,
        db_host=host or None,
        dialect="postgres",
        namespace=namespace,
        default_schema=first_schema(search_path),
    )


def first_schema(search_path: str | None) -> str | None:
    """Return the schema in which a table named without one is made: `"$user", public` is `public`."""
    for part in (search_path or "").split(","):
        name = part.strip().strip('"')
        if name and name != "$user":
            return name
    return None


def _cursor_classes() -> list[type]:
    named = [getattr(psycopg, name, None) for name in psycopg.__all__ if name.endswith("Cursor")]
    return [kind for kind in named if isinstance(kind, type)]


_sources: WeakKeyDictionary[Any, Source] = WeakKeyDictionary()


def _source(connection: Any) -> Source:
    found = _sources.get(connection)
    if found is None:
        info = connection.info
        found = source_of(info.host, info.port, info.dbname, info.parameter_status("search_path"))
        _sources[connection] = found
    return found


def _begin(args: tuple[Any, ...]) -> Query:
    """Begin the query of a cursor's method called with these arguments, the cursor first."""
    begun = UNRECORDED
    with guard("beginning a psycopg query"):
        cursor, query = args[0], args[1] if len(args) > 1 else None
        source = Source("postgresql", "psycopg")
        with guard("reading a connection's address"):
            source = _source(cursor.connection)
        begun = begin_query(query, source, frame=sys._getframe(2))
    return begun


def _end(query: Query, cursor: Any, error: BaseException | None = None) -> None:
    with guard("ending a psycopg query"):
        if error is None:
            query.set(rows=getattr(cursor, "rowcount", None))
            if getattr(cursor.connection, "_pipeline", None) is not None:
                query.set(attributes={"pipeline": True})
        query.end(error)


def _captured(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a cursor's method with its query captured, of the kind the method is."""
    if method.__name__ == "copy":
        return _copy_async(method) if "Async" in method.__qualname__ else _copy(method)
    if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        return around_calls(method, lambda args, kwargs: _begin((args[0], *_query_of(args, kwargs))))
    if inspect.iscoroutinefunction(method):

        @wraps(method)
        async def call_async(cursor: Any, *args: Any, **kwargs: Any) -> Any:
            query = _begin((cursor, *_query_of((cursor, *args), kwargs)))
            query.enter()
            try:
                result = await method(cursor, *args, **kwargs)
            except BaseException as error:
                query.leave()
                _end(query, cursor, error)
                raise
            query.leave()
            _end(query, cursor)
            return result

        return call_async

    @wraps(method)
    def call(cursor: Any, *args: Any, **kwargs: Any) -> Any:
        query = _begin((cursor, *_query_of((cursor, *args), kwargs)))
        query.enter()
        try:
            result = method(cursor, *args, **kwargs)
        except BaseException as error:
            query.leave()
            _end(query, cursor, error)
            raise
        query.leave()
        _end(query, cursor)
        return result

    return call


def _query_of(args: tuple[Any, ...], kwargs: Any) -> tuple[Any, ...]:
    return args[1:2] or ((kwargs["query"],) if "query" in kwargs else (kwargs.get("statement"),))


def _copy(method: Callable[..., AbstractContextManager[Any]]) -> Callable[..., Any]:
    @wraps(method)
    def copy(cursor: Any, *args: Any, **kwargs: Any) -> AbstractContextManager[Any]:
        query = _begin((cursor, *_query_of((cursor, *args), kwargs)))
        inner = method(cursor, *args, **kwargs)

        @contextmanager
        def captured() -> Any:
            try:
                with inner as opened:
                    yield opened
            except BaseException as error:
                _end(query, cursor, error)
                raise
            _end(query, cursor)

        return captured()

    return copy


def _copy_async(method: Callable[..., AbstractAsyncContextManager[Any]]) -> Callable[..., Any]:
    @wraps(method)
    def copy(cursor: Any, *args: Any, **kwargs: Any) -> AbstractAsyncContextManager[Any]:
        query = _begin((cursor, *_query_of((cursor, *args), kwargs)))
        inner = method(cursor, *args, **kwargs)

        @asynccontextmanager
        async def captured() -> Any:
            try:
                async with inner as opened:
                    yield opened
            except BaseException as error:
                _end(query, cursor, error)
                raise
            _end(query, cursor)

        return captured()

    return copy


def _subclass(kind: type) -> type:
    """Return a cursor class whose queries are captured, called as the one it stands for."""
    own = {method: _captured(getattr(kind, method)) for method in _METHODS if hasattr(kind, method)}
    return type(kind.__name__, (kind,), {"__slots__": (), "__module__": kind.__module__, **own})


def _replace(holder: Any, name: str, replacement: Any, undo: ExitStack) -> None:
    before = vars(holder)[name] if isinstance(holder, type) else getattr(holder, name)
    setattr(holder, name, replacement)

    def restore() -> None:
        if getattr(holder, name) is replacement:
            setattr(holder, name, before)

    undo.callback(restore)
