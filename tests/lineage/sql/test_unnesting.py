"""Arrays, objects, table functions and structs."""

from __future__ import annotations

import pytest
from sql_answers import direct, inputs


@pytest.mark.parametrize(
    ("dialect", "sql", "columns"),
    [
        (
            "bigquery",
            "SELECT i.sku, pos FROM t, UNNEST(t.items) AS i WITH OFFSET AS pos",
            ["sku <- t.items T", "pos <- t.items T"],
        ),
        (
            "trino",
            "SELECT x, n FROM t CROSS JOIN UNNEST(items) WITH ORDINALITY AS u(x, n)",
            ["x <- t.items T", "n <- t.items T"],
        ),
        (
            "redshift",
            "SELECT c.id, i.sku, at, d.code FROM carts c, c.items AS i AT at, i.discounts AS d",
            ["id <- carts.id", "sku <- carts.items T", "at <- carts.items T", "code <- carts.items T"],
        ),
        (
            "redshift",
            "SELECT k, v FROM t AS p, UNPIVOT p.attrs AS v AT k",
            ["k <- t.attrs T", "v <- t.attrs T"],
        ),
        (
            "snowflake",
            "SELECT a.value:x AS y, b.index FROM t, LATERAL FLATTEN(t.j:as) a, LATERAL FLATTEN(a.value:bs) b",
            ["y <- t.j T", "index <- t.j T"],
        ),
        (
            "tsql",
            "SELECT d.id, n.x.value('@sku', 'int') AS sku FROM d CROSS APPLY d.body.nodes('/a') AS n(x)",
            ["id <- d.id", "sku <- d.body T"],
        ),
        (
            "tsql",
            "SELECT v.k, v.x FROM t CROSS APPLY (VALUES ('a', t.a), ('b', t.b)) v(k, x)",
            ["k <- nothing", "x <- t.a, t.b"],
        ),
        (
            "spark",
            "SELECT id, k, v FROM t LATERAL VIEW explode(props) p AS k, v",
            ["id <- t.id", "k <- t.props T", "v <- t.props T"],
        ),
        (
            "postgres",
            "SELECT e.elem->>'sku' AS sku, e.ord FROM t, "
            "jsonb_array_elements(t.doc) WITH ORDINALITY AS e(elem, ord)",
            ["sku <- t.doc T", "ord <- t.doc T"],
        ),
        (
            "mysql",
            "SELECT j.name FROM t, JSON_TABLE(t.doc, '$[*]' COLUMNS(name VARCHAR(9) PATH '$.n')) AS j",
            ["name <- t.doc T"],
        ),
        ("duckdb", "SELECT [x.sku FOR x IN items IF x.price < y] AS s FROM t", ["s <- t.items T, t.y T"]),
        (
            "bigquery",
            "SELECT x.*, x.p AS again FROM (SELECT STRUCT(a AS p, b AS q) AS x FROM t)",
            ["p <- t.a", "q <- t.b", "again <- t.a"],
        ),
        ("bigquery", "SELECT AS VALUE STRUCT(a AS x, b + 1 AS y) FROM t", ["x <- t.a", "y <- t.b T"]),
        ("bigquery", "SELECT TO_JSON_STRING(o) AS j FROM orders AS o", ["j <- orders.* T"]),
        (
            "bigquery",
            "SELECT a, score FROM ML.PREDICT(MODEL d.m, (SELECT a, b FROM d.t))",
            ["a <- d.t.a", "score <- d.t.a T, d.t.b T"],
        ),
    ],
)
def test_what_is_unnested_comes_from_its_column(dialect: str, sql: str, columns: list[str]) -> None:
    assert direct(sql, dialect) == columns


def test_a_schema_may_list_the_fields_of_a_column() -> None:
    known = {"t": ["a", "a.b", "a.b.c"]}
    assert direct("SELECT a.b.c AS x, t.a.b AS y FROM t", "bigquery", known) == ["x <- t.a.b.c", "y <- t.a.b"]


@pytest.mark.parametrize(
    ("dialect", "sql", "tables"),
    [
        ("redshift", "SELECT d.code FROM carts c, c.items AS i, i.discounts AS d", ["carts"]),
        ("bigquery", "SELECT * FROM ML.PREDICT(MODEL d.m, TABLE d.t)", ["d.t"]),
        ("snowflake", "SELECT a FROM IDENTIFIER('raw.visits')", ["raw.visits"]),
        ("databricks", "SELECT a FROM table_changes('silver.orders', 2)", ["silver.orders"]),
        ("databricks", "SELECT a FROM STREAM(bronze.orders)", ["bronze.orders"]),
        ("spark", "SELECT /*+ BROADCAST(s) */ s.a FROM raw.r JOIN x s ON r.i = s.i", ["raw.r", "x"]),
        ("clickhouse", "WITH (SELECT max(x) FROM u) AS m SELECT id, m FROM t FINAL", ["u", "t"]),
        ("tsql", "SELECT a FROM @rows", ["@rows"]),
    ],
)
def test_what_is_no_table_is_none_and_what_is_named_is_one(dialect: str, sql: str, tables: list[str]) -> None:
    assert sorted(inputs(sql, dialect)) == sorted(tables)


def test_the_name_of_a_source_is_its_row_only_where_the_dialect_has_that() -> None:
    sql = "SELECT day AS x FROM calendar AS day"
    assert direct(sql, "bigquery") == ["x <- calendar.* T"]
    assert direct(sql, "snowflake") == direct(sql, "tsql") == ["x <- calendar.day"]
    assert direct(sql, "bigquery", {"calendar": ["day"]}) == ["x <- calendar.day"]
