"""From a real driver to the graph: what tracked code asks of a database is its lineage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from postgres_server import PostgresServer
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import producers
from graph import open_store
from graph.ingest import derive, drain
from graph.queries import Answer, upstream
from lineage import context, track_lineage, track_run
from lineage.attribution import flush_queries

INSERT = """
    INSERT INTO mart.revenue (day, total)
    SELECT o.ordered_on, sum(o.amount * r.rate)
    FROM raw.orders o JOIN rates r ON r.currency = o.currency
    WHERE o.status = 'planted-secret'
    GROUP BY o.ordered_on
"""

TABLES = """
    DROP SCHEMA IF EXISTS raw CASCADE;
    DROP SCHEMA IF EXISTS mart CASCADE;
    CREATE SCHEMA raw;
    CREATE SCHEMA mart;
    CREATE TABLE raw.orders (ordered_on date, amount numeric, currency text, status text);
    CREATE TABLE rates (currency text, rate numeric);
    CREATE TABLE mart.revenue (day date, total numeric);
    INSERT INTO raw.orders VALUES ('2026-01-01', 2, 'EUR', 'planted-secret');
    INSERT INTO rates VALUES ('EUR', 1)
"""


@pytest.fixture
def warehouse(postgres: PostgresServer) -> Iterator[PostgresServer]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(TABLES)
    producers.install("psycopg")
    producers.install("sqlalchemy")
    yield postgres
    producers.uninstall("psycopg")
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA raw CASCADE")
        connection.execute("DROP SCHEMA mart CASCADE")


def engine_of(postgres: PostgresServer, driver: str = "psycopg") -> Any:
    return postgres.dsn().replace("postgresql:", f"postgresql+{driver}:")


def by_psycopg(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.dsn()) as connection:
        connection.execute(INSERT)


def by_a_socket(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.socket_dsn()) as connection:
        connection.execute(INSERT)


def by_sqlalchemy(postgres: PostgresServer) -> None:
    engine = sa.create_engine(engine_of(postgres), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text(INSERT))


def by_sqlalchemy_core(postgres: PostgresServer) -> None:
    """The statement built from tables rather than from text."""
    engine = sa.create_engine(engine_of(postgres), poolclass=NullPool)
    metadata = sa.MetaData()
    orders = sa.Table("orders", metadata, schema="raw", autoload_with=engine)
    rates = sa.Table("rates", metadata, autoload_with=engine)
    revenue = sa.Table("revenue", metadata, schema="mart", autoload_with=engine)
    chosen = (
        sa.select(orders.c.ordered_on, sa.func.sum(orders.c.amount * rates.c.rate))
        .join_from(orders, rates, rates.c.currency == orders.c.currency)
        .where(orders.c.status == "planted-secret")
        .group_by(orders.c.ordered_on)
    )
    with engine.begin() as connection:
        connection.execute(revenue.insert().from_select(["day", "total"], chosen))


def by_asyncpg(postgres: PostgresServer) -> None:
    async def main() -> None:
        engine = create_async_engine(engine_of(postgres, "asyncpg"), poolclass=NullPool)
        async with engine.begin() as connection:
            await connection.execute(sa.text(INSERT))

    asyncio.run(main())


def ids(answer: Answer, distance: int | None = None) -> set[str]:
    return {found.node.id for found in answer.nodes if distance in (None, found.distance)}


WAYS = [by_psycopg, by_a_socket, by_sqlalchemy, by_sqlalchemy_core, by_asyncpg]


@pytest.mark.parametrize("way", WAYS)
def test_what_a_run_asks_of_postgresql_is_its_lineage(
    warehouse: PostgresServer, way: Callable[[PostgresServer], None]
) -> None:
    """DC-20: the run reads and writes the tables of its statements, and their columns, under their names."""
    with track_run("build_revenue", job_namespace="production"):
        way(warehouse)

    host = "localhost" if way is by_a_socket else warehouse.host
    namespace = f"postgres://{host}:{warehouse.port}"
    assert flush_queries(10)
    with open_store() as store:
        drain(store)
        derive(store)
        tables = upstream(store, f"dataset:{namespace}:postgres.mart.revenue")
        columns = upstream(store, f"datasetField:{namespace}:postgres.mart.revenue:total")

    assert ids(tables) >= {
        f"dataset:{namespace}:postgres.raw.orders",
        f"dataset:{namespace}:postgres.public.rates",
        "job:production:build_revenue",
    }
    assert ids(columns, distance=1) >= {
        f"datasetField:{namespace}:postgres.raw.orders:amount",
        f"datasetField:{namespace}:postgres.public.rates:rate",
    }


def test_a_decorated_function_s_tables_are_what_its_drivers_saw(warehouse: PostgresServer) -> None:
    """DC-20: `@track_lineage` without inputs and outputs learns them from the instrumented library."""

    @track_lineage(name="build_revenue")
    def build_revenue() -> None:
        by_psycopg(warehouse)

    build_revenue()

    namespace = f"postgres://{warehouse.host}:{warehouse.port}"
    with open_store() as store:
        drain(store)
        derive(store)
        answer = upstream(store, f"dataset:{namespace}:postgres.mart.revenue")

    assert f"dataset:{namespace}:postgres.raw.orders" in ids(answer)


def test_queries_outside_a_run_are_the_lineage_of_their_operation(warehouse: PostgresServer) -> None:
    """DC-59: a service's queries belong to a run of its own, whose job is named after the operation."""
    with context.use(operation="refresh"):
        by_sqlalchemy(warehouse)
    assert flush_queries(10)

    namespace = f"postgres://{warehouse.host}:{warehouse.port}"
    with open_store() as store:
        drain(store)
        derive(store)
        answer = upstream(store, f"dataset:{namespace}:postgres.mart.revenue")

    assert f"dataset:{namespace}:postgres.raw.orders" in ids(answer)
    assert any(one.startswith("job:") and one.endswith(".refresh") for one in ids(answer))


def test_no_value_of_a_statement_is_in_an_event(warehouse: PostgresServer) -> None:
    """DC-46: the events of a run carry its statements without their literals."""
    from lineage.testing import capture

    with capture() as events, track_run("build_revenue"):
        by_psycopg(warehouse)
        by_sqlalchemy_core(warehouse)

    assert "mart.revenue" in repr(list(events))
    assert "planted" not in repr(list(events))
