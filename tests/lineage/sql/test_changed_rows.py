"""Columns that UPDATE, MERGE, upserts and returned rows write."""

from __future__ import annotations

import pytest
import sqlglot
from sql_answers import direct, indirect, inputs

from lineage.sql import extract

newer = pytest.mark.skipif(
    int(sqlglot.__version__.partition(".")[0]) < 30, reason="older parsers do not know UPDATE t, u"
)


@pytest.mark.parametrize(
    ("dialect", "sql", "columns"),
    [
        (
            "postgres",
            "UPDATE t AS x SET (a, b) = ROW(u.p, u.q + x.c) FROM u WHERE x.id = u.id",
            ["t.a <- u.p", "t.b <- u.q T, t.c T"],
        ),
        (
            "bigquery",
            "UPDATE d.t t SET a = s.b, address.city = s.c FROM d.s s WHERE t.id = s.id",
            ["d.t.a <- d.s.b", "d.t.address <- d.s.c"],
        ),
        (
            "tsql",
            "UPDATE o SET o.a = s.b OUTPUT inserted.a, deleted.c AS was INTO #log "
            "FROM dbo.o AS o JOIN s ON s.i = o.i",
            ["dbo.o.a <- s.b", "#log.a <- dbo.o.a", "#log.was <- dbo.o.c"],
        ),
        (
            "mysql",
            "INSERT INTO t (k, n) SELECT f.k, f.n FROM s AS f "
            "ON DUPLICATE KEY UPDATE t.n = GREATEST(t.n, f.m)",
            ["t.k <- s.k", "t.n <- s.n, t.n T, s.m T"],
        ),
        (
            "postgres",
            "WITH s AS (SELECT a FROM u), i AS (INSERT INTO t (a) SELECT a FROM s RETURNING id) "
            "INSERT INTO log (id) SELECT id FROM i",
            ["t.a <- u.a", "log.id <- t.id"],
        ),
        (
            "postgres",
            "WITH up AS (UPDATE t SET a = s.a FROM s WHERE t.id = s.id RETURNING t.id, s.b) "
            "SELECT id, b FROM up",
            ["t.a <- s.a", "id <- t.id", "b <- s.b"],
        ),
        (
            "postgres",
            "WITH d AS (DELETE FROM q WHERE old RETURNING q.i, z) INSERT INTO arch SELECT * FROM d",
            ["arch.i <- q.i", "arch.z <- q.z"],
        ),
    ],
)
def test_a_changed_row_is_made_of(dialect: str, sql: str, columns: list[str]) -> None:
    assert [set(line.replace(" <- ", ", ").split(", ")) for line in direct(sql, dialect)] == [
        set(line.replace(" <- ", ", ").split(", ")) for line in columns
    ]


@newer
def test_tables_changed_for_each_other_are_read() -> None:
    sql = "UPDATE t, u SET t.a = u.b, u.c = t.d WHERE t.id = u.id"
    assert direct(sql, "mysql") == ["t.a <- u.b", "u.c <- t.d"]
    assert inputs(sql, "mysql") == ["t", "u"]
    assert inputs("UPDATE t, u SET t.a = u.b WHERE t.id = u.id", "mysql") == ["u"]


def test_rows_that_output_keeps_are_read_and_written() -> None:
    result = extract(
        "MERGE INTO t USING s ON t.i = s.i WHEN MATCHED THEN DELETE OUTPUT deleted.a INTO l", dialect="tsql"
    )
    assert [table.name for table in result.inputs] == ["s", "t"]
    assert [table.name for table in result.outputs] == ["t", "l"]


def test_the_conditions_inside_a_merges_branches_filter() -> None:
    sql = """MERGE INTO t USING s ON (t.id = s.id) WHEN MATCHED THEN UPDATE SET t.v = s.v WHERE s.x > 1
        WHEN NOT MATCHED THEN INSERT (t.id) VALUES (s.id) WHERE s.y > 1"""
    assert indirect(sql, "oracle")["t.v"] == "s.id JOIN, s.x FILTER, s.y FILTER, t.id JOIN"


def test_what_filters_returned_rows_filters_what_is_made_of_them() -> None:
    sql = "WITH d AS (DELETE FROM q WHERE old RETURNING id) INSERT INTO arch SELECT id FROM d"
    assert indirect(sql, "postgres")["arch.id"] == "q.old FILTER"


@pytest.mark.parametrize("kind", ["UNION ALL", "INTERSECT"])
def test_arms_of_a_set_operation_are_not_mixed_with_those_of_another(kind: str) -> None:
    sql = f"INSERT INTO o ((SELECT a FROM t) {kind} (SELECT b FROM u)) EXCEPT (SELECT c FROM v)"
    assert direct(sql, "postgres") == ["o.a <- t.a, u.b"]
    assert indirect(sql, "postgres") == {"o.a": "v.c FILTER"}


def test_names_of_an_alias_over_unknown_columns_come_from_their_star() -> None:
    sql = "WITH c (x, y) AS (SELECT * FROM t) SELECT x FROM c"
    assert direct(sql) == ["x <- t.*"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE Dest SET a = s.x FROM dbo.Dest d JOIN dbo.S s ON s.id = d.id",
        "UPDATE Dest SET Dest.a = s.x FROM dbo.Dest JOIN dbo.S s ON s.id = Dest.id",
        "UPDATE dbo.Dest SET a = s.x FROM Dest AS d JOIN dbo.S s ON s.id = d.id",
        "UPDATE dbo.Dest SET a = s.x FROM dbo.Dest d JOIN dbo.S s ON s.id = d.id",
        "DELETE FROM Dest FROM dbo.Dest AS d JOIN dbo.S s ON s.id = d.id",
    ],
)
def test_a_target_that_from_names_with_its_schema_is_one_table(sql: str) -> None:
    result = extract(sql, dialect="tsql")
    assert [table.name for table in result.outputs] == ["dbo.Dest"]
    assert [table.name for table in result.inputs] == ["dbo.S"]
    for edges in result.columns:
        assert {source.table for source in (*edges.inputs, *edges.indirect)} == {"dbo.S", "dbo.Dest"}


def test_elsewhere_the_same_name_in_from_is_another_row_of_the_table() -> None:
    result = extract(
        "UPDATE dest SET a = d.x FROM public.dest d WHERE d.id = dest.parent", dialect="postgres"
    )
    assert [table.name for table in result.inputs] == ["public.dest"]
