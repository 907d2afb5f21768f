"""Queries of DuckDB: connections, the functions of the module, relations, files.

Hooks the classes, so connections that are open already are seen, but which database they lead to is only
known of those opened afterwards. One query per call of `execute`, `executemany`, `sql`, `query`, `append`;
one when a relation is made of a file or a table (`read_parquet`, `table`), and one when a relation writes
(`to_table`, `insert_into`, `write_parquet`, ...), with the relation's own SQL. A relation is lazy: the query
that makes it ends with its making, and rows fetched later are not known.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary, ref

from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query, Source, Transactions, begin_query
from lineage.datasets import database_namespace
from lineage.errors import InstrumentError
from producers._base import Producer, missing, module_version, replace
from producers._dbapi import captured, ending, endings
from producers._duckdb_statements import TEXTS, WRITES, Text

try:
    import duckdb
    from duckdb import DuckDBPyConnection, DuckDBPyRelation
except ImportError as error:
    raise missing("duckdb", "duckdb", error) from error


def source_of(database: Any) -> Source:
    """Return what the argument of `connect` says about a connection's queries."""
    namespace = catalog = None
    with guard("naming a database"):
        path = os.fsdecode(database)
        path = ":memory:" if path.startswith(":") else path
        url = SimpleNamespace(drivername="duckdb", host=None, port=None, database=path, query=None)
        namespace, catalog = database_namespace(url)
    schema = "main" if catalog is not None else None
    return Source(
        "duckdb", "duckdb", db_name=catalog, dialect="duckdb", namespace=namespace, default_schema=schema
    )


class DuckDBProducer(Producer):
    """Captures the queries of all connections, or of some."""

    name = "duckdb"
    minimum = "1.1.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods and functions that run statements, and those that make connections."""
        for holder in (DuckDBPyConnection, duckdb):
            for name, text in TEXTS.items():
                _put(holder, name, partial(_captured, text=text, connection_of=_itself), undo)
            for name, ended in _ENDINGS.items():
                _put(holder, name, partial(ending, ended=ended), undo)
        for name, text in WRITES.items():
            hooked = partial(_captured, text=text, connection_of=_connection_of)
            _put(DuckDBPyRelation, name, hooked, undo)
        if not hasattr(DuckDBPyRelation, "_con"):
            for name in _CHAINS:
                _put(DuckDBPyRelation, name, partial(_inheriting, connection_of=_connection_of), undo)
        replace(duckdb, "connect", _connecting(duckdb.connect), undo)
        for name in ("cursor", "duplicate"):
            replace(DuckDBPyConnection, name, _copying(getattr(DuckDBPyConnection, name)), undo)

    def subject(self, target: Any) -> Any:
        """Return the connection itself."""
        if not isinstance(target, DuckDBPyConnection):
            raise InstrumentError(self.name, f"give a connection, not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return DuckDB's version."""
        return module_version(duckdb)


PRODUCER = DuckDBProducer()


class _Session:
    """What is known of one connection."""

    __slots__ = ("source", "transactions")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.transactions = Transactions()


_sources: WeakKeyDictionary[Any, _Session] = WeakKeyDictionary()
_origins: WeakKeyDictionary[Any, ref[Any]] = WeakKeyDictionary()
"""The connections of relations, where these do not say themselves."""

_UNKNOWN = Source("duckdb", "duckdb", dialect="duckdb")

_BEGINNING = guard("beginning a DuckDB query")
_CONNECTING = guard("connecting to DuckDB")


def _itself(connection: Any) -> Any:
    return connection


def _connection_of(relation: Any) -> Any:
    """Return the connection of a relation, which newer versions say themselves."""
    found = getattr(relation, "_con", None)
    if found is None and (origin := _origins.get(relation)) is not None:
        found = origin()
    return found


def _inheriting(method: Callable[..., Any], connection_of: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a method that makes relations, with the connection of each remembered."""

    @wraps(method)
    def call(subject: Any, /, *args: Any, **kwargs: Any) -> Any:
        made = method(subject, *args, **kwargs)
        with _CONNECTING:
            if isinstance(made, DuckDBPyRelation) and (connection := connection_of(subject)) is not None:
                _origins[made] = ref(connection)
        return made

    return call


def _default_connection() -> Any:
    found: Any = duckdb.default_connection
    found = found if isinstance(found, DuckDBPyConnection) else found()
    if found not in _sources:
        _sources[found] = _Session(source_of(":memory:"))
    return found


_CHAINS = (
    *(
        "aggregate",
        "cross",
        "distinct",
        "except_",
        "filter",
        "intersect",
        "join",
        "limit",
        "order",
        "project",
    ),
    *("query", "select", "select_types", "set_alias", "sort", "union", "unique"),
)
"""The methods of relations that make further ones."""


def _put(holder: Any, name: str, hooked: Callable[[Any], Any], undo: ExitStack) -> None:
    """Replace a method, or a function of the module, which works on its default connection."""
    if name not in vars(holder):
        return
    method = getattr(holder, name)
    if holder is not duckdb:
        replace(holder, name, hooked(method), undo)
        return
    inner = hooked(lambda connection, /, *args, **kwargs: method(*args, **kwargs))

    @wraps(method)
    def function(*args: Any, **kwargs: Any) -> Any:
        connection = kwargs.get("connection")
        if connection is None:
            with _CONNECTING:
                connection = _default_connection()
        return inner(connection, *args, **kwargs)

    replace(holder, name, function, undo)


def _captured(method: Any, *, text: Text, connection_of: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a method or function with a query around each of its calls."""

    def session_of(subject: Any) -> _Session | None:
        connection = connection_of(subject)
        return _sources.get(connection) if connection is not None else None

    def begin(subject: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Query:
        begun = UNRECORDED
        with _BEGINNING:
            if not PRODUCER.everywhere and not PRODUCER.watches(connection_of(subject)):
                return UNRECORDED
            session = session_of(subject)
            frame = sys._getframe(1)
            source = session.source if session is not None else _UNKNOWN
            begun = begin_query(text(subject, args, kwargs), source, frame=frame)
            begun.enter(frame)
        return begun

    def standing(subject: Any) -> tuple[Transactions, None]:
        session = session_of(subject)
        return session.transactions if session is not None else Transactions(), None

    asks = captured(method, begin, standing)
    return asks if hasattr(DuckDBPyRelation, "_con") else _inheriting(asks, connection_of)


def _transactions_of(connection: Any) -> Transactions | None:
    session = _sources.get(connection)
    return session.transactions if session is not None else None


_ENDINGS = endings(_transactions_of)


def _connecting(connect: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(connect)
    def call(*args: Any, **kwargs: Any) -> Any:
        connection = connect(*args, **kwargs)
        with _CONNECTING:
            database = args[0] if args else kwargs.get("database", ":memory:")
            if connection not in _sources:
                _sources[connection] = _Session(source_of(database))
        return connection

    return call


def _copying(copy: Callable[..., Any]) -> Callable[..., Any]:
    """Return `cursor()`, whose result leads to the same database, in a transaction of its own."""

    @wraps(copy)
    def call(connection: Any, *args: Any, **kwargs: Any) -> Any:
        made = copy(connection, *args, **kwargs)
        with _CONNECTING:
            session = _sources.get(connection)
            if session is not None:
                _sources[made] = _Session(session.source)
        return made

    return call
