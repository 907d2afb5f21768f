"""From the addresses of connections to the names of databases: tables, without a server."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy.engine import make_url

from producers import psycopg, sqlalchemy


@pytest.mark.parametrize(
    ("host", "port", "namespace"),
    [
        ("warehouse", 5432, "postgres://warehouse:5432"),
        ("10.0.0.7", 6432, "postgres://10.0.0.7:6432"),
        ("::1", 5432, "postgres://[::1]:5432"),
        ("/var/run/postgresql", 5433, "postgres://localhost:5433"),
        ("", 5432, "postgres://localhost:5432"),
    ],
)
def test_a_psycopg_connection_has_the_namespace_of_its_address(host: str, port: int, namespace: str) -> None:
    """DC-30: a Unix socket is this host's."""
    source = psycopg.source_of(host, port, "shop", '"$user", public')

    assert (source.namespace, source.db_name, source.db_host) == (namespace, "shop", host or None)
    assert (source.db_system, source.client, source.dialect) == ("postgresql", "psycopg", "postgres")
    assert source.default_schema == "public"


@pytest.mark.parametrize(
    ("search_path", "schema"),
    [
        (None, None),
        ("", None),
        ('"$user", public', "public"),
        ('"$user"', None),
        ("mart,public", "mart"),
        ('"Data Mart", public', "Data Mart"),
    ],
)
def test_the_schema_is_the_first_of_the_search_path_that_is_named(
    search_path: str | None, schema: str | None
) -> None:
    assert psycopg.first_schema(search_path) == schema


@pytest.mark.parametrize(
    ("url", "namespace", "database", "schema"),
    [
        ("mssql+pyodbc://ann:secret@db/shop?driver=x", "mssql://db:1433", "shop", None),
        ("mssql+pymssql://db:1434/shop", "mssql://db:1434", "shop", None),
        ("oracle+oracledb://ann:secret@db:1521/?service_name=SHOP", "oracle://db:1521", "SHOP", None),
        ("oracle://db/SHOP", "oracle://db:1521", "SHOP", None),
        ("mysql+mysqldb://db/shop", "mysql://db:3306", "shop", None),
        ("mariadb+pymysql://db/shop", "mysql://db:3306", "shop", None),
        ("snowflake://ann:secret@acme-shop/SALES/SHOP?warehouse=W", "snowflake://acme-shop", "SALES", "SHOP"),
        ("snowflake://ann:secret@acme-shop/SALES", "snowflake://acme-shop", "SALES", None),
        ("bigquery://acme-data/shop", "bigquery", "acme-data", "shop"),
        ("bigquery://acme-data", "bigquery", "acme-data", None),
        ("bigquery://", "bigquery", None, None),
        (
            "redshift+psycopg2://ann:secret@cluster.abc.eu-west-1.redshift.amazonaws.com:5439/shop",
            "redshift://cluster.eu-west-1:5439",
            "shop",
            None,
        ),
        (
            "databricks://token:secret@adb-1.azuredatabricks.net?http_path=x&catalog=main&schema=shop",
            "unitycatalog://adb-1.azuredatabricks.net",
            "main",
            "shop",
        ),
        ("trino://ann@trino:8080/hive/shop", "trino://trino:8080", "hive", "shop"),
        ("trino://ann@trino:8080/hive", "trino://trino:8080", "hive", None),
        ("clickhouse+native://ch/shop", "clickhouse://ch:8123", "shop", None),
        ("clickhousedb://ch:8443/shop", "clickhouse://ch:8443", "shop", None),
        ("duckdb:////data/shop.duckdb", "duckdb:///data/shop.duckdb", "shop", None),
        ("sqlite:////data/shop.db", "sqlite:///data/shop.db", "/data/shop.db", None),
    ],
)
def test_every_dialect_s_tables_are_named_by_its_url(
    url: str, namespace: str, database: str | None, schema: str | None
) -> None:
    """DC-26: where an engine leads is in its URL, be it a database, a catalog, a project or a schema."""
    made = sqlalchemy.source_of(make_url(url), SimpleNamespace(name=url.partition(":")[0]))

    assert (made.namespace, made.db_name, made.default_schema) == (namespace, database, schema)
    assert made.dialect is not None


@pytest.mark.parametrize(
    ("url", "dialect", "expected"),
    [
        (
            "postgresql+psycopg://ann:secret@warehouse/shop",
            "postgresql",
            ("postgresql", "postgres", "postgres://warehouse:5432", "shop", "warehouse"),
        ),
        (
            "postgresql+asyncpg://warehouse:6432/shop",
            "postgresql",
            ("postgresql", "postgres", "postgres://warehouse:6432", "shop", "warehouse"),
        ),
        (
            "postgresql+psycopg:///shop?host=/var/run/postgresql",
            "postgresql",
            ("postgresql", "postgres", "postgres://localhost:5432", "shop", None),
        ),
        (
            "mysql+pymysql://ann:secret@db/shop",
            "mysql",
            ("mysql", "mysql", "mysql://db:3306", "shop", "db"),
        ),
    ],
)
def test_an_engine_is_named_by_its_address(url: str, dialect: str, expected: tuple[str, ...]) -> None:
    """fault 2.1.3-18: the system is `postgresql` whatever driver the engine uses."""
    made = sqlalchemy.source_of(make_url(url), SimpleNamespace(name=dialect))

    assert (made.db_system, made.dialect, made.namespace, made.db_name, made.db_host) == expected
    assert made.client == "sqlalchemy"
