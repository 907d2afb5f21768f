from __future__ import annotations

import pytest
import sqlglot

from lineage.sql import dialect_of, extract
from lineage.sql.dialects import _DIALECTS


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("postgres", "postgres"),
        ("PostgreSQL", "postgres"),
        ("postgresql+psycopg2", "postgres"),
        ("postgres://warehouse:5432", "postgres"),
        ("postgresql+asyncpg://user:pass@h/db", "postgres"),
        ("jdbc:postgresql://h/db", "postgres"),
        ("mssql", "tsql"),
        ("mssql+pyodbc://h/db", "tsql"),
        ("sparksql", "spark"),
        ("mariadb", "mysql"),
        ("bigquery", "bigquery"),
        ("snowflake://org-account", "snowflake"),
        ("awsathena://athena.eu-west-1.amazonaws.com", "athena"),
        ("duckdb:///x.db", "duckdb"),
        ("sqlite:///x.db", "sqlite"),
        ("s3://bucket", None),
        ("kafka://h:9092", None),
        ("", None),
    ],
)
def test_a_dialect_is_known_by_any_of_its_names(name: str, dialect: str | None) -> None:
    assert dialect_of(name) == dialect


def test_every_dialect_named_is_one_of_the_parsers() -> None:
    newer_than_some = {"dremio", "exasol", "singlestore"}
    for dialect in set(_DIALECTS.values()) - newer_than_some:
        assert sqlglot.Dialect.get_or_raise(dialect)


def test_a_dialect_newer_than_the_parser_is_read_as_generic_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_DIALECTS, "brandnew", "brandnew")
    result = extract("SELECT a FROM t", dialect="brandnew")
    assert result.dialect is None
    assert [table.name for table in result.inputs] == ["t"]
    assert result.problems == ("the dialect brandnew is not known, generic SQL is assumed",)
