"""Quotes and case: which names mean the same, by dialect."""

from __future__ import annotations

import pytest
from sql_answers import direct, inputs

QUOTED = 'SELECT x.{} AS c FROM (SELECT a AS "id", b AS id FROM t) x'


@pytest.mark.parametrize(
    ("dialect", "reference", "source"),
    [
        ("snowflake", '"ID"', "b"),
        ("snowflake", "iD", "b"),
        ("snowflake", '"id"', "a"),
        ("oracle", '"ID"', "b"),
        ("oracle", '"id"', "a"),
    ],
)
def test_unquoted_names_are_upper_case(dialect: str, reference: str, source: str) -> None:
    assert direct(QUOTED.format(reference), dialect) == [f"c <- t.{source}"]


@pytest.mark.parametrize(("reference", "source"), [('"ID"', "b"), ("ID", "a"), ('"id"', "a"), ("id", "a")])
def test_postgres_folds_to_lower_case(reference: str, source: str) -> None:
    sql = f'SELECT {reference} AS c FROM (SELECT a AS id, b AS "ID" FROM t) x'
    assert direct(sql, "postgres") == [f"c <- t.{source}"]


def test_clickhouse_never_folds() -> None:
    sql = "SELECT a AS x, A AS y FROM (SELECT p AS a, q AS A FROM t)"
    assert direct(sql, "clickhouse") == ["x <- t.p", "y <- t.q"]


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("bigquery", "SELECT `ID` AS c FROM (SELECT a AS id FROM t) x"),
        ("mysql", "SELECT X.`ID` AS c FROM (SELECT a AS id FROM t) x"),
        ("tsql", "SELECT [x].[ID] AS c FROM (SELECT a AS id FROM t) X"),
        ("databricks", "SELECT `ID` AS c FROM (SELECT a AS id FROM t) x"),
        ("duckdb", 'SELECT "ID" AS c FROM (SELECT a AS id FROM t) x'),
    ],
)
def test_case_does_not_count_elsewhere(dialect: str, sql: str) -> None:
    assert direct(sql, dialect) == ["c <- t.a"]


def test_a_quoted_table_is_not_the_cte_of_another_case() -> None:
    sql = "WITH orders AS (SELECT a FROM raw) SELECT a FROM {}"
    assert inputs(sql.format('"Orders"'), "postgres") == ["Orders"]
    assert inputs(sql.format("Orders"), "postgres") == ["raw"]


def test_a_name_that_only_differs_in_case_is_better_than_none() -> None:
    sql = 'SELECT "Id" AS c FROM (SELECT a AS id FROM t) x'
    assert direct(sql, "postgres") == ["c <- t.a"]


def test_known_columns_are_found_without_their_case_and_quotes() -> None:
    sql = 'SELECT "Id", NAME FROM t'
    assert direct(sql, "snowflake", {"T": ["ID", "name"]}) == ["Id <- t.ID", "NAME <- t.name"]


def test_a_table_in_two_spellings_is_one_where_case_does_not_count() -> None:
    sql = "SELECT x.a, y.b FROM db.Orders x JOIN DB.orders y ON x.i = y.i"
    assert inputs(sql, "snowflake") == inputs(sql, "tsql") == ["db.Orders"]
    assert direct(sql, "snowflake") == ["a <- db.Orders.a", "b <- db.Orders.b"]
    assert inputs(sql, "bigquery") == ["db.Orders", "DB.orders"]
