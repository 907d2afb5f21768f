"""What the contract of integrations is tried on: one case per integration, on its real library."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import asyncpg
import duckdb
import messaging_cases as messaging
import pg8000.dbapi
import psycopg
import psycopg2.extensions
import pytest
import sqlalchemy
from held_attributes import attributes
from opentelemetry import trace
from opentelemetry.instrumentation.dbapi import instrument_connection
from opentelemetry.sdk import version as opentelemetry_version
from opentelemetry.sdk.trace import TracerProvider
from postgres_server import PostgresServer
from sqlalchemy import event
from sqlalchemy.engine import Engine

import producers
import producers._aws_messages
import producers._frames
import producers._layers
import producers._messages
import producers._operations
import producers._paths
import producers._postgresql
import producers._subclasses
import producers.asyncpg
import producers.celery
import producers.confluent_kafka
import producers.dbapi
import producers.duckdb
import producers.kafka
import producers.opentelemetry
import producers.pika
import producers.psycopg
import producers.psycopg2
import producers.sqlalchemy
import producers.sqlite3
from lineage.attribution.delivery import witnesses

_ROWS = {
    "select 1 as one, 'x' as two": [(1, "x")],
    "select 1": [(1,)],
    "select 17": [(17,)],
    "select 18": [(18,)],
}


@dataclass(frozen=True)
class Case:
    """How one library is used.

    `opened` gives a target; `run` runs a statement with it and returns its rows; `raising` runs one during
    which the library meets this exception of somebody else's; `traces` is all that installing may change.
    `version` is where the library says its own, `library` the module that does if it is called otherwise than
    the integration; `everything` is what to name to instrument all of it. A library that takes other things
    than statements takes the texts of these as such, gives for each what `answer` says, and fails with
    `refusal` for one with `nowhere` in it. `steps` are functions of ours that only this integration has.
    `message` is what an error says, without ids that differ.
    `targets` says whether one of many can be instrumented. `told` gives what the runs of a target were told,
    where that is what it reads and not its queries: of a call that fails nothing. `telling` tells of other
    things than queries: each call by its event.
    """

    name: str
    module: Any
    opened: Callable[[PostgresServer], Any]
    run: Callable[[Any, str], Any]
    raising: Callable[[Any, BaseException], Any]
    traces: Callable[[Any], dict[str, Any]]
    version: str | None = "__version__"
    everything: Callable[[Any], Any] = lambda target: None
    answer: Callable[[str], Any] = _ROWS.__getitem__
    refusal: str = "nowhere"
    message: Callable[[BaseException], str] = str
    library: Any = None
    steps: tuple[str, ...] = ()
    told: Callable[[Any], list[dict[str, Any]]] | None = None
    targets: bool = True
    telling: Callable[[], AbstractContextManager[Callable[[], list[dict[str, Any]]]]] | None = None


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


@contextmanager
def _sqlite_class(postgres: PostgresServer) -> Iterator[type[sqlite3.Connection]]:
    class Watched(sqlite3.Connection):
        """Connections that are open already cannot be hooked: a target is a class of them."""

    yield Watched


def _ask_sqlite(kind: type[sqlite3.Connection], statement: str, *parameters: Any) -> Any:
    with closing(sqlite3.connect(":memory:", factory=kind)) as connection:
        return connection.execute(statement, *parameters).fetchall()


def _raise_in_sqlite(kind: type[sqlite3.Connection], error: BaseException) -> Any:
    return _ask_sqlite(kind, "select :one", _Failing(error))


def _traces_of_sqlite(kind: type[sqlite3.Connection]) -> dict[str, Any]:
    return attributes(sqlite3, sqlite3.dbapi2, sqlite3.Connection, sqlite3.Cursor, kind)


@contextmanager
def _psycopg2_class(postgres: PostgresServer) -> Iterator[Any]:
    class Watched(psycopg2.extensions.connection):
        """Connections that are open already cannot be hooked: a target is a class of them."""

        dsn_of_test = postgres.dsn()

    yield Watched


def _ask_psycopg2(kind: Any, statement: str, *parameters: Any) -> Any:
    with closing(psycopg2.connect(kind.dsn_of_test, connection_factory=kind)) as connection:
        cursor = connection.cursor()
        cursor.execute(statement, *parameters)
        return cursor.fetchall()


def _raise_in_psycopg2(kind: Any, error: BaseException) -> Any:
    return _ask_psycopg2(kind, "select %(one)s", _Failing(error))


def _traces_of_psycopg2(kind: Any) -> dict[str, Any]:
    extensions = psycopg2.extensions
    return attributes(psycopg2, extensions, extensions.connection, extensions.cursor, kind)


@contextmanager
def _asyncpg_connection(postgres: PostgresServer) -> Iterator[Any]:
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(postgres.dsn()))
        yield connection
        runner.run(connection.close())
        del connection


def _ask_asyncpg(connection: Any, statement: str, **options: Any) -> Any:
    loop = connection._loop
    return [tuple(row) for row in loop.run_until_complete(connection.fetch(statement, **options))]


class _Impatient:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __float__(self) -> float:
        raise self.error


def _raise_in_asyncpg(connection: Any, error: BaseException) -> Any:
    return _ask_asyncpg(connection, "select 1", timeout=_Impatient(error))


def _traces_of_asyncpg(connection: Any) -> dict[str, Any]:
    return attributes(*producers.asyncpg._TEXTS, asyncpg)


@contextmanager
def _duckdb_connection(postgres: PostgresServer) -> Iterator[Any]:
    with closing(duckdb.connect()) as connection:
        yield connection


def _ask_duckdb(connection: Any, statement: str) -> Any:
    return connection.execute(statement).fetchall()


def _raise_in_duckdb(connection: Any, error: BaseException) -> Any:
    def parameters() -> Iterator[tuple[int]]:
        raise error
        yield (1,)

    return connection.executemany("select ?", parameters())


def _traces_of_duckdb(connection: Any) -> dict[str, Any]:
    return attributes(duckdb, duckdb.DuckDBPyConnection, duckdb.DuckDBPyRelation)


@contextmanager
def _module(postgres: PostgresServer) -> Iterator[ModuleType]:
    """A module of the DB-API like any other, which connects by pg8000."""
    module = ModuleType("shop_driver")
    module.apilevel = "2.0"  # type: ignore[attr-defined]

    def connect(host: str = postgres.host, port: int = postgres.port) -> Any:
        return pg8000.dbapi.connect("postgres", host=host, port=port, database="postgres")

    module.connect = connect  # type: ignore[attr-defined]
    yield module


def _ask_module(module: Any, statement: str, *parameters: Any) -> Any:
    with closing(module.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(statement, *parameters)
        return [tuple(row) for row in cursor.fetchall()]


class _Unspeakable:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error


def _raise_in_module(module: Any, error: BaseException) -> Any:
    return _ask_module(module, "select %s", (_Unspeakable(error),))


def _traces_of_module(module: Any) -> dict[str, Any]:
    return attributes(module, pg8000.dbapi.Connection, pg8000.dbapi.Cursor)


@contextmanager
def _tracer_provider(postgres: PostgresServer) -> Iterator[Any]:
    provider = TracerProvider(shutdown_on_exit=False)
    yield provider


def _ask_traced(provider: Any, statement: str, *parameters: Any) -> Any:
    """Ask sqlite3 over a connection that OpenTelemetry's own instrumentation has wrapped."""
    with closing(sqlite3.connect(":memory:")) as plain:
        connection = instrument_connection(
            "shop", plain, "sqlite", {"database": "db"}, tracer_provider=provider
        )
        cursor = connection.cursor()
        cursor.execute(statement, *parameters)
        return cursor.fetchall()


def _raise_in_traced(provider: Any, error: BaseException) -> Any:
    return _ask_traced(provider, "select :one", _Failing(error))


def _traces_of_provider(provider: Any) -> dict[str, Any]:
    found = attributes(trace)
    return found | {
        "processors": provider._active_span_processor._span_processors,
        "witnesses": tuple(witnesses),
    }


SHARED = (
    producers._aws_messages,
    producers._frames,
    producers._layers,
    producers._messages,
    producers._operations,
    producers._paths,
    producers._postgresql,
    producers._subclasses,
)
"""The modules that hold what several integrations do."""

CASES = {
    "dbapi": Case(
        "dbapi",
        producers.dbapi,
        _module,
        _ask_module,
        _raise_in_module,
        _traces_of_module,
        version=None,
        everything=lambda target: target,
    ),
    "duckdb": Case(
        "duckdb", producers.duckdb, _duckdb_connection, _ask_duckdb, _raise_in_duckdb, _traces_of_duckdb
    ),
    "asyncpg": Case(
        "asyncpg",
        producers.asyncpg,
        _asyncpg_connection,
        _ask_asyncpg,
        _raise_in_asyncpg,
        _traces_of_asyncpg,
    ),
    "opentelemetry": Case(
        "opentelemetry",
        producers.opentelemetry,
        _tracer_provider,
        _ask_traced,
        _raise_in_traced,
        _traces_of_provider,
        everything=lambda target: target,
        library=opentelemetry_version,
    ),
    "sqlite3": Case(
        "sqlite3",
        producers.sqlite3,
        _sqlite_class,
        _ask_sqlite,
        _raise_in_sqlite,
        _traces_of_sqlite,
        version="sqlite_version",
    ),
    "psycopg2": Case(
        "psycopg2",
        producers.psycopg2,
        _psycopg2_class,
        _ask_psycopg2,
        _raise_in_psycopg2,
        _traces_of_psycopg2,
    ),
    "sqlalchemy": Case(
        "sqlalchemy", producers.sqlalchemy, _engine, _run_on_engine, _raise_on_engine, _listeners
    ),
    "psycopg": Case(
        "psycopg", producers.psycopg, _connection, _run_on_connection, _raise_on_connection, _methods
    ),
    "celery": Case(
        "celery",
        producers.celery,
        messaging.celery_app,
        messaging.send_task,
        messaging.raise_in_celery,
        messaging.traces_of_celery,
        answer=messaging.answer,
        refusal="task args must be",
    ),
    "confluent_kafka": Case(
        "confluent_kafka",
        producers.confluent_kafka,
        messaging.confluent_class,
        messaging.produce,
        messaging.raise_in_confluent,
        messaging.traces_of_confluent,
        answer=messaging.answer,
        refusal="bytes-like object is required",
    ),
    "kafka": Case(
        "kafka",
        producers.kafka,
        messaging.kafka_producer,
        messaging.send,
        messaging.raise_in_kafka,
        messaging.traces_of_kafka,
        answer=messaging.answer_of_kafka,
        refusal="Need at least one",
    ),
    "pika": Case(
        "pika",
        producers.pika,
        messaging.pika_connection,
        messaging.publish,
        messaging.raise_in_pika,
        messaging.traces_of_pika,
        answer=messaging.answer,
    ),
}

ELSEWHERE: dict[str, str] = {
    "azure.storage.blob": "cloud",
    "bigquery": "cloud",
    "boto3": "cloud",
    "dagster": "orchestrators",
    "google.cloud.pubsub_v1": "cloud",
    "google.cloud.storage": "cloud",
    "prefect": "orchestrators",
    "snowflake": "cloud",
}
"""Integrations whose libraries have a venv of their own: by name, the marker of their tests.

Their cases are in the module of shared test code `MARKER_cases`.
"""

BESIDE = dict.fromkeys(("fsspec", "pandas", "polars", "pyarrow"), "frame_cases")
"""Integrations whose cases are in another module of shared test code."""

NAMES = [
    pytest.param(name, marks=getattr(pytest.mark, ELSEWHERE[name])) if name in ELSEWHERE else name
    for name in sorted(producers.REGISTRY)
]
"""Every integration, for `parametrize`; those of a venv of their own with their marker."""


def case_of(name: str) -> Case:
    """Return the case of an integration, whose library is loaded then."""
    marker = ELSEWHERE.get(name)
    module = BESIDE.get(name) or (f"{marker}_cases" if marker is not None else None)
    cases = CASES if module is None else import_module(module).CASES
    found: Case = cases[name]
    return found
