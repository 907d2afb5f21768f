"""PIVOT, UNPIVOT and MATCH_RECOGNIZE."""

from __future__ import annotations

import pytest
from sql_answers import direct, indirect

KNOWN = {"t": ["id", "q", "amt", "n"], "w": ["id", "a1", "a2"]}


@pytest.mark.parametrize(
    ("dialect", "sql", "columns"),
    [
        (
            "bigquery",
            "SELECT * FROM t PIVOT(SUM(amt) AS s, COUNT(n) AS c FOR q IN ('a' AS qa, 'b' AS qb))",
            ["id <- t.id", "s_qa <- t.amt A", "c_qa <- t.n A", "s_qb <- t.amt A", "c_qb <- t.n A"],
        ),
        (
            "oracle",
            "SELECT * FROM (SELECT id, q, amt FROM t) PIVOT (SUM(amt) AS s FOR q IN ('a' AS qa, 'b' AS qb))",
            ["id <- t.id", "qa_s <- t.amt A", "qb_s <- t.amt A"],
        ),
        (
            "tsql",
            "SELECT p.id, p.[1] AS jan FROM t PIVOT (SUM(amt) FOR q IN ([1], [2])) AS p",
            ["id <- t.id", "jan <- t.amt A"],
        ),
        (
            "snowflake",
            "SELECT * FROM t PIVOT(SUM(amt) FOR q IN ('a', 'b')) AS p (id, n, x, y)",
            ["id <- t.id", "n <- t.n", "x <- t.amt A", "y <- t.amt A"],
        ),
        (
            "snowflake",
            "SELECT * FROM t PIVOT(SUM(amt) FOR q IN (ANY ORDER BY q))",
            ["id <- t.id", "n <- t.n", "* <- t.amt A"],
        ),
        (
            "duckdb",
            "SELECT * FROM (PIVOT t ON q IN ('a', 'b') USING sum(amt) GROUP BY id)",
            ["id <- t.id", "a <- t.amt A", "b <- t.amt A"],
        ),
        (
            "duckdb",
            "WITH p AS (PIVOT t ON q USING sum(amt)) SELECT id, x FROM p",
            ["id <- t.id", "x <- t.amt A"],
        ),
        (
            "duckdb",
            "SELECT * FROM (UNPIVOT w ON COLUMNS(* EXCLUDE (id)) INTO NAME k VALUE v)",
            ["id <- w.id", "k <- nothing", "v <- w.a1 T, w.a2 T"],
        ),
        (
            "oracle",
            "SELECT * FROM u UNPIVOT ((amt, qty) FOR q IN ((a1, q1) AS 'a', (a2, q2) AS 'b'))",
            ["* <- u.*", "q <- nothing", "amt <- u.a1 T, u.a2 T", "qty <- u.q1 T, u.q2 T"],
        ),
        (
            "tsql",
            "SELECT id, k, v FROM (SELECT id, a1, a2 FROM w) s UNPIVOT (v FOR k IN (a1, a2)) AS u",
            ["id <- w.id", "k <- nothing", "v <- w.a1 T, w.a2 T"],
        ),
    ],
)
def test_a_pivot_fills_each_column_from_its_own_sources(dialect: str, sql: str, columns: list[str]) -> None:
    assert direct(sql, dialect, KNOWN) == columns


def test_the_key_of_a_pivot_decides_about_its_columns() -> None:
    found = indirect("SELECT * FROM t PIVOT(SUM(amt) FOR q IN ('a' AS x))", "bigquery", KNOWN)
    assert found == {"id": "", "n": "", "x": "t.q CONDITIONAL"}


def test_matched_rows_come_from_their_source() -> None:
    sql = """SELECT m.sym, m.low FROM t MATCH_RECOGNIZE (
        PARTITION BY sym ORDER BY ts MEASURES MIN(down.price) AS low
        PATTERN (down+) DEFINE down AS price < LAG(price)) m"""
    assert direct(sql, "snowflake") == ["sym <- t.sym", "low <- t.price A"]
    assert indirect(sql, "snowflake")["low"] == "t.price FILTER, t.sym WINDOW, t.ts WINDOW"
