"""Which dataset a table of a SQL text is."""

from __future__ import annotations

import pytest

from lineage.sql import Table
from lineage.sql.naming import Context, settle

PG = "postgres://db:5432"
MYSQL = "mysql://db:3306"
SNOW = "snowflake://org-acct"
DUCK = "duckdb:///srv/shop.duckdb"


def table(name: str) -> Table:
    return Table(tuple(name.split(".")))


def context(
    *names: str, namespace: str | None = None, database: str | None = None, schema: str | None = None
) -> Context:
    datasets = tuple((name.split("|")[0], name.split("|")[1]) for name in names)
    return Context(datasets, namespace, database, schema)


@pytest.mark.parametrize(
    ("name", "where", "expected"),
    [
        # the statement's own connection
        ("orders", context(namespace=PG, database="shop", schema="public"), f"{PG}|shop.public.orders"),
        ("raw.orders", context(namespace=PG, database="shop", schema="public"), f"{PG}|shop.raw.orders"),
        ("x.raw.orders", context(namespace=PG, database="shop", schema="public"), f"{PG}|x.raw.orders"),
        ("orders", context(namespace=PG, database="shop"), None),
        ("a.b.c.d", context(namespace=PG, database="shop", schema="public"), None),
        ("orders", context(namespace=MYSQL, database="shop"), f"{MYSQL}|shop.orders"),
        ("orders", context(namespace=MYSQL, schema="shop"), f"{MYSQL}|shop.orders"),
        ("orders", context(namespace="sqlite:///srv/a.db"), "sqlite:///srv/a.db|orders"),
        ("main.orders", context(namespace="sqlite:///srv/a.db"), "sqlite:///srv/a.db|orders"),
        ("other.orders", context(namespace="sqlite:///srv/a.db"), "sqlite:///srv/a.db|other.orders"),
        ("orders", context(namespace=DUCK, database="shop", schema="main"), f"{DUCK}|shop.main.orders"),
        ("ds.t", context(namespace="bigquery", database="proj"), "bigquery|proj.ds.t"),
        ("orders", context(namespace="warehouse"), "warehouse|orders"),
        ("orders", context(namespace="warehouse", database="d", schema="s"), "warehouse|d.s.orders"),
        ("z.orders", context(namespace="warehouse", database="d", schema="s"), "warehouse|d.z.orders"),
        # the event's own datasets
        ("orders", context("ns|public.orders", "ns|public.other"), "ns|public.orders"),
        ("public.orders", context("ns|public.orders"), "ns|public.orders"),
        ("orders", context("ns|a.orders", "ns|b.orders"), None),
        ("rders", context("ns|public.orders"), None),
        ("public.orders", context(f"{SNOW}|DB.PUBLIC.ORDERS"), f"{SNOW}|DB.PUBLIC.ORDERS"),
        ("orders", context("ns|a.orders", "ns|a.Orders"), "ns|a.orders"),
        ("orders", context("ns|a.orders", f"{PG}|shop.s.orders", namespace=PG), f"{PG}|shop.s.orders"),
        # what the event's other datasets share
        ("raw.y", context(f"{PG}|shop.raw.x"), f"{PG}|shop.raw.y"),
        ("raw.y", context(f"{PG}|shop.raw.x", f"{PG}|shop.mart.z"), f"{PG}|shop.raw.y"),
        ("raw.y", context(f"{PG}|shop.raw.x", f"{PG}|other.mart.z"), None),
        ("raw.y", context(f"{PG}|shop.raw.x", "postgres://two:5432|shop.raw.x"), None),
        ("raw.y", context("ns|shop.raw.x"), None),
        ("shop.raw.y", context(f"{PG}|other.raw.x"), f"{PG}|shop.raw.y"),
        ("y", context(f"{PG}|shop.raw.x"), None),
        ("y", context(f"{MYSQL}|shop.x"), f"{MYSQL}|shop.y"),
        ("public.y", context(f"{SNOW}|DB.PUBLIC.X"), f"{SNOW}|DB.PUBLIC.Y"),
        ("raw.y", context(), None),
    ],
)
def test_a_table_is_settled_by_what_is_known_or_left_open(
    name: str, where: Context, expected: str | None
) -> None:
    found = settle([table(name)], where).get(name)
    assert (found and "|".join(found)) == expected


def test_a_table_without_schema_is_where_another_one_without_was_found() -> None:
    where = context(f"{PG}|shop.raw.x", f"{PG}|shop.mart.z")
    assert settle([table("x"), table("y")], where) == {"x": (PG, "shop.raw.x"), "y": (PG, "shop.raw.y")}
    assert "y" not in settle([table("x"), table("z"), table("y")], where)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://lake/raw/a.parquet", ("s3://lake", "raw/a.parquet")),
        ("/data/a.csv", ("file", "/data/a.csv")),
        ("data/a.csv", None),
        ("@stage/a.csv", None),
        ("known/a.csv", ("file", "/srv/known/a.csv")),
    ],
)
def test_a_file_is_named_by_its_path(path: str, expected: tuple[str, str] | None) -> None:
    where = Context((("file", "/srv/known/a.csv"),))
    assert settle([Table((path,), is_path=True)], where).get(path) == expected


@pytest.mark.parametrize(
    ("where", "dialect"),
    [
        (Context((), dialect="duckdb"), "duckdb"),
        (Context(((PG, "a.b.c"), ("s3://lake", "x"))), "postgres"),
        (Context(((PG, "a.b.c"), (MYSQL, "x.y"))), None),
        (Context(((MYSQL, "x.y"),), namespace=SNOW), "snowflake"),
        (Context((("ns", "x"),)), None),
    ],
)
def test_the_dialect_is_the_statements_or_that_of_its_one_database(
    where: Context, dialect: str | None
) -> None:
    assert where.known_dialect() == dialect
