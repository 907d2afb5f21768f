"""What the contract of integrations is tried on: one case per integration, on its real library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy
from postgres_server import PostgresServer
from sqlalchemy import event
from sqlalchemy.engine import Engine

import producers.psycopg
import producers.sqlalchemy


@dataclass(frozen=True)
class Case:
    """How one library is used.

    `opened` gives a target; `run` runs a statement with it and returns its rows; `raising` runs one during
    which the library meets this exception of somebody else's; `traces` is all that installing may change.
    """

    name: str
    module: Any
    opened: Callable[[PostgresServer], Any]
    run: Callable[[Any, str], Any]
    raising: Callable[[Any, BaseException], Any]
    traces: Callable[[Any], dict[str, Any]]


@contextmanager
def _engine(postgres: PostgresServer) -> Iterator[Engine]:
    engine = sqlalchemy.create_engine("sqlite://")
    _run_on_engine(engine, "select 0")
    yield engine
    engine.dispose()


def _run_on_engine(engine: Engine, statement: str) -> Any:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sqlalchemy.text(statement))]


def _raise_on_engine(engine: Engine, error: BaseException) -> Any:
    def fail(*args: Any) -> None:
        raise error

    event.listen(engine, "do_execute", fail)
    event.listen(engine, "do_execute_no_params", fail)
    try:
        _run_on_engine(engine, "select 2")
    finally:
        event.remove(engine, "do_execute", fail)
        event.remove(engine, "do_execute_no_params", fail)


def _listeners(engine: Engine) -> dict[str, Any]:
    moments = ("do_execute", "do_executemany", "do_execute_no_params", "handle_error")
    found = {moment: list(getattr(engine.dialect.dispatch, moment)) for moment in moments}
    found |= {name: list(getattr(engine.dispatch, name)) for name in ("before_execute", "begin")}
    return found | dict(vars(sqlalchemy.engine.Connection))


@contextmanager
def _connection(postgres: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        yield connection


def _run_on_connection(connection: psycopg.Connection[Any], statement: str) -> Any:
    return connection.execute(statement).fetchall()


class _Failing(dict[str, Any]):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __getitem__(self, key: str) -> Any:
        raise self.error


def _raise_on_connection(connection: psycopg.Connection[Any], error: BaseException) -> Any:
    return connection.execute("select %(one)s", _Failing(error))


def _methods(connection: Any) -> dict[str, Any]:
    found = {
        f"{kind.__name__}.{name}": value
        for kind in (*producers.psycopg.cursor_classes(), *psycopg.Connection.__mro__)
        for name, value in vars(kind).items()
    }
    return {**found, "of the connection": dict(vars(connection))}


CASES = {
    "sqlalchemy": Case(
        "sqlalchemy", producers.sqlalchemy, _engine, _run_on_engine, _raise_on_engine, _listeners
    ),
    "psycopg": Case(
        "psycopg", producers.psycopg, _connection, _run_on_connection, _raise_on_connection, _methods
    ),
}
