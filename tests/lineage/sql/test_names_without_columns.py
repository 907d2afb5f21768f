"""What looks like a column and is none, and which of two columns a name means."""

from __future__ import annotations

import pytest
from sql_answers import direct, indirect


@pytest.mark.parametrize(
    ("dialect", "projection"),
    [
        ("oracle", "ROWNUM"),
        ("oracle", "SYSDATE"),
        ("oracle", "USER"),
        ("oracle", "orders_seq.NEXTVAL"),
        ("snowflake", "orders_seq.NEXTVAL"),
        ("snowflake", "CURRENT_TIMESTAMP"),
        ("snowflake", "$variable"),
        ("bigquery", "CURRENT_DATE"),
        ("bigquery", "@day"),
        ("mysql", "UTC_TIMESTAMP"),
        ("mysql", "@rank"),
        ("redshift", "SYSDATE"),
        ("postgres", "current_user"),
        ("postgres", "localtimestamp"),
        ("tsql", "@@ROWCOUNT"),
        ("tsql", "@day"),
        (None, ":day"),
    ],
)
def test_values_without_a_source_have_none(dialect: str | None, projection: str) -> None:
    assert direct(f"SELECT {projection} AS x, a FROM t", dialect) == ["x <- nothing", "a <- t.a"]


def test_a_known_column_may_be_called_like_a_function() -> None:
    assert direct("SELECT uid FROM t", "oracle", {"t": ["uid"]}) == ["uid <- t.uid"]


def test_level_is_no_column_of_a_hierarchy_alone() -> None:
    hierarchy = "SELECT LEVEL AS x, id FROM t START WITH p IS NULL CONNECT BY PRIOR id = p"
    assert direct(hierarchy, "snowflake") == ["x <- nothing", "id <- t.id"]
    assert direct("SELECT level AS x FROM t", "snowflake") == ["x <- t.level"]


@pytest.mark.parametrize(
    ("dialect", "expression", "sources"),
    [
        ("spark", "transform(arr, x -> x + y)", "t.arr T, t.y T"),
        ("snowflake", "FILTER(arr, x INT -> x > y)", "t.arr T, t.y T"),
        ("duckdb", "list_filter(arr, lambda x: x > y)", "t.arr T, t.y T"),
        ("bigquery", "DATE_TRUNC(d, MONTH)", "t.d T"),
        ("snowflake", "DATEADD(day, n, d)", "t.n T, t.d T"),
        ("tsql", "DATEPART(year, d)", "t.d T"),
        ("oracle", "NVL2(a, b, c)", "t.b T, t.c T"),
        ("oracle", "DECODE(a, b, c, d, e, f)", "t.c T, t.e T, t.f T"),
        ("snowflake", "ZEROIFNULL(a)", "t.a T"),
        ("snowflake", "DIV0(a, b)", "t.a T, t.b T"),
        ("clickhouse", "sumIf(a, b = 1)", "t.a A"),
        ("postgres", "percentile_cont(0.5) WITHIN GROUP (ORDER BY a)", "t.a A"),
        ("redshift", "LISTAGG(a, ',') WITHIN GROUP (ORDER BY b)", "t.a A"),
        ("mysql", "JSON_ARRAYAGG(a)", "t.a A"),
        ("snowflake", "a:b.c::string", "t.a T"),
        ("bigquery", "a.b.c", "t.a T"),
    ],
)
def test_an_expression_is_made_of_its_columns(dialect: str, expression: str, sources: str) -> None:
    (line,) = direct(f"SELECT {expression} AS o FROM t AS t", dialect)
    assert set(line.removeprefix("o <- ").split(", ")) == set(sources.split(", "))


@pytest.mark.parametrize(
    ("dialect", "expression", "decided"),
    [
        ("oracle", "DECODE(a, b, c, d)", "t.a CONDITIONAL, t.b CONDITIONAL"),
        ("oracle", "NVL2(a, b, c)", "t.a CONDITIONAL"),
        ("oracle", "MAX(a) KEEP (DENSE_RANK LAST ORDER BY b)", "t.b SORT"),
        ("clickhouse", "sumIf(a, b = 1)", "t.b CONDITIONAL"),
        ("redshift", "LISTAGG(a, ',') WITHIN GROUP (ORDER BY b)", "t.b SORT"),
        ("postgres", "sum(a) FILTER (WHERE b)", "t.b CONDITIONAL"),
    ],
)
def test_some_operands_only_decide(dialect: str, expression: str, decided: str) -> None:
    assert indirect(f"SELECT {expression} AS o FROM t", dialect) == {"o": decided}


def test_a_name_read_before_its_alias_is_a_column() -> None:
    sql = "SELECT upper(a) AS a, a || b AS c, d AS e, e + 1 AS f FROM t"
    assert direct(sql, "snowflake") == ["a <- t.a T", "c <- t.a T, t.b T", "e <- t.d", "f <- t.d T"]


def test_the_columns_of_values_are_named_by_the_dialect() -> None:
    for dialect, name in (("snowflake", "column2"), ("postgres", "column2"), ("spark", "col2")):
        sql = f"SELECT v.{name} AS x FROM t CROSS JOIN LATERAL (VALUES (1, t.a)) AS v"
        assert direct(sql, dialect) == ["x <- t.a"], dialect


def test_a_named_expression_of_clickhouse_is_no_column() -> None:
    sql = "WITH stop - start AS minutes SELECT id, minutes FROM t PREWHERE a WHERE minutes > 0"
    assert direct(sql, "clickhouse") == ["id <- t.id", "minutes <- t.stop T, t.start T"]
    assert indirect(sql, "clickhouse")["id"] == "t.a FILTER, t.start FILTER, t.stop FILTER"


def test_snowflake_calls_columns_by_their_place() -> None:
    sql = "SELECT $1 AS x, t.$2 AS y FROM t"
    assert direct(sql, "snowflake", {"t": ["a", "b"]}) == ["x <- t.a", "y <- t.b"]


@pytest.mark.parametrize(
    ("dialect", "call", "sources"),
    [
        ("snowflake", "HASH(*)", "t.* T masked"),
        ("snowflake", "OBJECT_CONSTRUCT(*)", "t.* T"),
        ("spark", "struct(t.*)", "t.* T"),
        ("postgres", "count(*)", "nothing"),
    ],
)
def test_a_star_as_an_argument_is_every_column(dialect: str, call: str, sources: str) -> None:
    assert direct(f"SELECT {call} AS x FROM t", dialect) == [f"x <- {sources}"]
