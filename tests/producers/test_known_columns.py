"""Stars of which the driver knows the columns: to the graph, without a question to the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

import producers
from graph import open_store
from graph.ingest import derive, drain
from graph.queries import upstream
from lineage import configure, track_run
from lineage.attribution import flush_queries

COPY = "INSERT INTO totals SELECT * FROM orders"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE orders (id int, amount int); CREATE TABLE totals (id, amount)")
    for name in ("sqlite3", "duckdb", "sqlalchemy"):
        producers.install(name)
    configure(sink=["lineage"])
    return path


def engine_of(file: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{file}", poolclass=NullPool)


def by_a_select(file: Path) -> str:
    """A cursor that has read the table knows its columns."""
    producers.uninstall("sqlalchemy")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("SELECT * FROM orders WHERE amount > 3")
        connection.execute(COPY)
        connection.commit()
    return f"sqlite://{file}:totals:amount"


def by_tables(file: Path) -> str:
    """An engine that has compiled a statement of the table knows its columns."""
    orders = sa.Table("orders", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("amount", sa.Integer))
    engine = engine_of(file)
    with engine.begin() as connection:
        connection.execute(orders.insert(), [{"id": 1, "amount": 2}])
        connection.execute(sa.text(COPY))
    engine.dispose()
    return f"sqlite://{file}:totals:amount"


def by_reflection(file: Path) -> str:
    """An engine that a table was reflected from knows its columns."""
    engine = engine_of(file)
    sa.MetaData().reflect(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(COPY)
    engine.dispose()
    return f"sqlite://{file}:totals:amount"


def by_a_relation(file: Path) -> str:
    """A relation knows its columns before anything is read."""
    with closing(duckdb.connect(str(file.with_suffix(".duckdb")))) as connection:
        connection.execute("CREATE TABLE orders (id int, amount int)")
        connection.execute("CREATE TABLE totals (id int, amount int)")
        connection.execute("SELECT 1 AS other")
        connection.sql("SELECT * FROM orders")
        connection.execute(COPY)
    return f"duckdb://{file.with_suffix('.duckdb')}:shop.main.totals:amount"


@pytest.mark.parametrize("way", [by_a_select, by_tables, by_reflection, by_a_relation])
def test_a_star_is_what_the_driver_knew(file: Path, way: Callable[[Path], str]) -> None:
    with track_run("build"):
        field = way(file)

    assert flush_queries(10)
    with open_store() as store:
        drain(store)
        derive(store)
        answer = upstream(store, f"datasetField:{field}")

    assert field.replace("totals", "orders") in {found.node.id.partition(":")[2] for found in answer.nodes}


def told_tables(run: Any) -> list[list[tuple[str, list[str]]] | None]:
    return [
        None if one.tables is None else [(table.name, table.columns) for table in one.tables]
        for one in run.facts.statements
    ]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT * FROM orders", [("orders", ["id", "amount"])]),
        ('select * from main."orders" order by id', [("main.orders", ["id", "amount"])]),
        ("SELECT * FROM orders, totals", None),
        ("SELECT * FROM orders JOIN totals USING (id)", None),
        ("SELECT id, * FROM orders", None),
        ("SELECT count(*) FROM orders", None),
    ],
)
def test_only_a_whole_table_s_columns_are_taken_for_its_own(file: Path, statement: str, told: Any) -> None:
    with track_run("read") as run, closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)

    assert told_tables(run) == [told]


def test_tables_of_another_engine_say_nothing(file: Path, tmp_path: Path) -> None:
    """Two databases may have two tables of one name."""
    other = sa.create_engine("sqlite://")
    sa.Table("orders", sa.MetaData(), sa.Column("key", sa.Integer)).create(other)
    engine = engine_of(file)
    with track_run("build") as run, engine.begin() as connection:
        connection.execute(sa.text(COPY))
    other.dispose()
    engine.dispose()

    assert [tables for tables in told_tables(run) if tables] == []
