"""Queries of Python's own sqlite3.

Hooks `sqlite3.connect`: connections opened from then on are of a subclass of what was asked for, and so are
their cursors. One query per call of `execute`, `executemany` and `executescript`, of cursors and connections.
Blobs opened with `blobopen` and backups are no queries, nor are BEGIN and COMMIT of sqlite3 itself. Databases
that this package itself opens, its outbox and its store, are not captured.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lineage._guard import guard
from lineage.attribution import Source
from lineage.datasets import database_namespace
from lineage.errors import InstrumentError
from producers._base import Producer, argument, replace
from producers._subclasses import Driver, Subclasses, first_argument

_CONNECTING = guard("connecting to SQLite")
_OWN = tuple(f"{Path(__file__).resolve().parent.parent / name}{os.sep}" for name in ("lineage", "graph"))
_FACTORY = 5
"""The place of `factory` among the arguments of `connect`."""


def source_of(database: Any) -> Source:
    """Return what the argument of `connect` says about a connection's queries."""
    namespace = None
    with guard("naming a database"):
        path = os.fsdecode(database)
        if path.startswith("file:") and "mode=memory" in path:
            path = ":memory:"
        url = SimpleNamespace(drivername="sqlite", host=None, port=None, database=path, query=None)
        namespace, _ = database_namespace(url)
    name = namespace.partition("://")[2] if namespace is not None else None
    return Source("sqlite", "sqlite3", db_name=name, dialect="sqlite", namespace=namespace)


class SQLite3Producer(Producer):
    """Captures the queries of all connections opened from now on, or of those of some classes."""

    name = "sqlite3"
    minimum = "3.7.15"  # what Python 3.11 asks of the SQLite library itself

    def hook(self, undo: ExitStack) -> None:
        """Replace `connect`, which is found under two names."""
        connect = _connecting(sqlite3.connect)
        for module in (sqlite3, sqlite3.dbapi2):
            replace(module, "connect", connect, undo)

    def subject(self, target: Any) -> Any:
        """Return the connection class itself: connections that are open already cannot be hooked."""
        if not isinstance(target, type) or not issubclass(target, sqlite3.Connection):
            raise InstrumentError(
                self.name,
                f"give a connection class, not {type(target).__name__}: connect with it as `factory`",
            )
        return target

    def version(self) -> str:
        """Return the version of the SQLite library."""
        return sqlite3.sqlite_version


PRODUCER = SQLite3Producer()


def _script(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """Return the text of a script; sqlite3 commits what is open before it runs one."""
    connection: Any = cursor if isinstance(cursor, sqlite3.Connection) else cursor.connection
    if connection.in_transaction and getattr(connection, "autocommit", -1) == -1:
        connection._lineage_session.transactions.commit()
    return first_argument(cursor, args, kwargs)


def _inside(connection: sqlite3.Connection) -> bool:
    try:
        return connection.in_transaction
    except sqlite3.ProgrammingError:  # it is closed
        return False


_SUBCLASSES = Subclasses(
    PRODUCER,
    Driver(
        sqlite3.Connection,
        sqlite3.Cursor,
        factory=("factory", 0),
        texts={"execute": first_argument, "executemany": first_argument, "executescript": _script},
        committing=("commit",),
        rolling_back=("rollback", "close"),
        inside=_inside,
    ),
)


def _connecting(connect: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    @wraps(connect)
    def call(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        ours = None
        with _CONNECTING:
            if not sys._getframe(1).f_code.co_filename.startswith(_OWN):
                factory = args[_FACTORY] if len(args) > _FACTORY else kwargs.get("factory")
                ours = _SUBCLASSES.connection_class(factory)
        if ours is None:
            return connect(*args, **kwargs)
        if len(args) > _FACTORY:
            args = (*args[:_FACTORY], ours, *args[_FACTORY + 1 :])
        else:
            kwargs["factory"] = ours
        connection = connect(*args, **kwargs)
        with _CONNECTING:
            _SUBCLASSES.opened(connection, source_of(argument(args, kwargs, 0, "database")))
        return connection

    return call
