"""Queries of psycopg2: connections and cursors of every class.

Hooks `psycopg2.connect`: connections opened from then on are of a subclass of what was asked for, and so are
their cursors. One query per call of `execute`, `executemany`, `callproc`, `copy_expert`, `copy_from` and
`copy_to`; `execute_values` and `execute_batch` of the extras execute one text a page. The rows of a named
cursor are fetched later and not known. On an asynchronous connection a call only submits: its time is that of
the submission. What psycopg2 does by itself (BEGIN, COMMIT) is no query.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any

from lineage._guard import guard
from lineage.attribution import Source
from lineage.errors import InstrumentError
from producers._base import Producer, missing, module_version, replace
from producers._postgresql import source_of as _source_of
from producers._subclasses import Driver, Subclasses, first_argument

try:
    import psycopg2
    from psycopg2 import extensions
except ImportError as error:
    raise missing("psycopg2", "psycopg2", error) from error

_CONNECTING = guard("connecting with psycopg2")
_FACTORY = 1
"""The place of `connection_factory` among the arguments of `connect`."""


def source_of(host: str | None, port: int, database: str | None, search_path: str | None) -> Source:
    """Return what a connection's address says about its queries."""
    return _source_of("psycopg2", host, port, database, search_path)


class Psycopg2Producer(Producer):
    """Captures the queries of all connections opened from now on, or of those of some classes."""

    name = "psycopg2"
    minimum = "2.9.5"

    def hook(self, undo: ExitStack) -> None:
        """Replace `connect`."""
        replace(psycopg2, "connect", _connecting(psycopg2.connect), undo)

    def subject(self, target: Any) -> Any:
        """Return the connection class itself: connections that are open already cannot be hooked."""
        if not isinstance(target, type) or not issubclass(target, extensions.connection):
            what = type(target).__name__
            raise InstrumentError(
                self.name, f"give a connection class, not {what}: connect with it as `connection_factory`"
            )
        return target

    def version(self) -> str:
        """Return psycopg2's version, without how it was built."""
        return module_version(psycopg2).partition(" ")[0]


PRODUCER = Psycopg2Producer()


def _inside(connection: Any) -> bool:
    """Whether a connection is in a transaction, as far as libpq knows without asking the server."""
    status: int = connection.get_transaction_status()
    if status == extensions.TRANSACTION_STATUS_ACTIVE:  # asynchronous ones are in autocommit
        asynchronous: int = connection.async_
        return not asynchronous
    idle: int = extensions.TRANSACTION_STATUS_IDLE
    return status != idle


def _copying(statement: str) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], object]:
    def text(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        table = str(args[1] if len(args) > 1 else kwargs["table"]).replace('"', '""')
        return statement.format(f'"{table}"')

    return text


def _calling(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return f"SELECT * FROM {first_argument(cursor, args, kwargs)}()"


_SUBCLASSES = Subclasses(
    PRODUCER,
    Driver(
        extensions.connection,
        extensions.cursor,
        factory=("cursor_factory", 1),
        texts={
            "execute": first_argument,
            "executemany": first_argument,
            "callproc": _calling,
            "copy_expert": first_argument,
            "copy_from": _copying("COPY {} FROM STDIN"),
            "copy_to": _copying("COPY {} TO STDOUT"),
        },
        committing=("commit", "tpc_commit"),
        rolling_back=("rollback", "tpc_rollback", "reset", "set_isolation_level", "close"),
        inside=_inside,
    ),
)


def _connecting(connect: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(connect)
    def call(*args: Any, **kwargs: Any) -> Any:
        ours = None
        with _CONNECTING:
            factory = args[_FACTORY] if len(args) > _FACTORY else kwargs.get("connection_factory")
            ours = _SUBCLASSES.connection_class(factory)
        if ours is None:
            return connect(*args, **kwargs)
        if len(args) > _FACTORY:
            args = (*args[:_FACTORY], ours, *args[_FACTORY + 1 :])
        else:
            kwargs["connection_factory"] = ours
        connection = connect(*args, **kwargs)
        with _CONNECTING:
            info = connection.info
            path = info.parameter_status("search_path") if not connection.async_ else None
            source = source_of(info.host, info.port, info.dbname, path)
            _SUBCLASSES.opened(connection, source)
        return connection

    return call
