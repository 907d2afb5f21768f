"""Places for stores: a file, and a PostgreSQL of this test process. The contract's tests run on both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres_server import PostgresServer, running_server, why_not

from graph import open_store
from graph.store import LineageStore


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL, of which the schemas `store0`, `store1`, ... are taken."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def _connection(postgresql_server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgresql_server.dsn(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def fresh_postgresql(postgresql_server: PostgresServer, _connection: Any) -> Callable[[], str]:
    """Give a function that returns the URL of an empty store in PostgreSQL, another one each time."""
    given = 0

    def fresh() -> str:
        nonlocal given
        schema = f"store{given}"
        given += 1
        _empty(_connection, schema)
        return f"{postgresql_server.dsn()}?options=-csearch_path%3D{schema}"

    return fresh


@pytest.fixture
def emptied_postgresql(
    fresh_postgresql: Callable[[], str], _connection: psycopg.Connection[Any]
) -> Callable[[], str]:
    """Give a function that returns the URL of an empty store, always the same one."""
    url = fresh_postgresql()
    schema = url.rpartition("%3D")[2]

    def emptied() -> str:
        _empty(_connection, schema)
        return url

    return emptied


def _empty(connection: psycopg.Connection[Any], schema: str) -> None:
    """Remove all rows of a schema, which is faster than to make its tables again."""
    tables = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s"
        " AND tablename NOT IN ('store_state', 'log_end')",
        (schema,),
    ).fetchall()
    sequences = connection.execute(
        "SELECT sequencename FROM pg_sequences WHERE schemaname = %s", (schema,)
    ).fetchall()
    names = sorted((name for (name,) in tables), key="search_waiting".__eq__)  # triggers fill it
    deleting = [f"DELETE FROM {schema}.{name}" for name in names]
    beginning = [f"ALTER SEQUENCE {schema}.{name} RESTART" for (name,) in sequences]
    if tables:
        deleting.append(
            f"UPDATE {schema}.log_end SET seq = 0, run = 0, event_time = NULL, removals = 0, log_id = NULL,"
            " covered_from = 1, removals_before = 0, link = 0, chain = NULL"
        )
    connection.execute(";".join([*deleting, *beginning]))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store is, on each of the engines: a path or a URL."""
    if request.param == "sqlite":
        return str(tmp_path / "lineage.db")
    fresh: Callable[[], str] = request.getfixturevalue("fresh_postgresql")
    return fresh()


@pytest.fixture
def store(place: str) -> Iterator[LineageStore]:
    """An empty store, on each of the engines."""
    with closing(open_store(place)) as opened:
        yield opened


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[LineageStore]:
    """An empty store in a file, for tests of what only files have."""
    with closing(open_store(tmp_path / "lineage.db")) as opened:
        yield opened
