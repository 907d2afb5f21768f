"""Whatever a parser swallows ends as a problem, never as a certain answer without inputs."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from lineage.sql import extract
from lineage.sql import parsing as parsing_module
from lineage.sql.overlooked import lacks_rows, overlooked
from lineage.sql.plans import Plan
from lineage.sql.results import Table
from lineage.sql.splitting import tokenized


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE o AS SELECT a FROM t GATHERED TOGETHER (a)",
        "CREATE TABLE o AS (SELECT a FROM t) UNION (SELECT a FROM t2 KEPT SAFE) SOMEHOW (a)",
        "CREATE VIEW v AS SELECT a FROM t WITH EVERY KIND OF CHECK",
        "INSERT INTO o (a, b)",
    ],
)
@pytest.mark.parametrize("dialect", [None, "postgres", "oracle", "snowflake"])
def test_a_statement_with_an_unknown_end_is_never_certain(sql: str, dialect: str | None) -> None:
    statement = extract(sql, dialect=dialect).statements[0]
    assert not statement.certain
    assert statement.problems


@pytest.mark.parametrize(
    ("sql", "dialect", "temporary"),
    [
        ("CREATE TABLE o AS SELECT a FROM t DISTRIBUTED BY (a)", "greenplum", False),
        ("CREATE TEMP TABLE o AS SELECT a FROM t DISTRIBUTED RANDOMLY", "postgres", True),
        ("CREATE TABLE o AS SELECT a FROM t ORDER BY a SEGMENTED BY HASH(a) ALL NODES", "vertica", False),
        ("CREATE TABLE o AS SELECT a FROM t DISTRIBUTE ON (a)", "postgres", False),
        (
            "CREATE VOLATILE TABLE o AS (SELECT a FROM t) WITH DATA AND STATS ON COMMIT PRESERVE ROWS",
            "teradata",
            True,
        ),
        ("CREATE TABLE o, NO LOG AS (SELECT a FROM t) WITH DATA UNIQUE PRIMARY INDEX (a)", "teradata", False),
    ],
)
def test_how_a_created_table_is_kept_says_nothing_of_its_lineage(
    sql: str, dialect: str, temporary: bool
) -> None:
    statement = extract(sql, dialect=dialect).statements[0]
    assert [table.name for table in statement.inputs] == ["t"]
    assert [(edges.output.column, edges.inputs[0].table) for edges in statement.columns] == [("a", "t")]
    assert bool(statement.temporary) is temporary
    assert statement.certain


def test_a_table_that_the_tree_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """DD-11: the guard against a parser that drops a part of a statement, which this one is made to do."""
    original = parsing_module._tree

    def careless(*arguments: object) -> object:
        tree = original(*arguments)  # type: ignore[arg-type]
        for join in list(tree.find_all(exp.Join)) if tree is not None else ():
            join.pop()
        return tree

    monkeypatch.setattr(parsing_module, "_tree", careless)
    statement = extract("INSERT INTO o SELECT t.a FROM t JOIN s.dropped_by_parser d ON d.a = t.a").statements[
        0
    ]
    assert [table.name for table in statement.inputs] == ["t"]
    assert not statement.certain
    assert any("dropped_by_parser" in problem for problem in statement.problems)


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("SELECT a FROM s.t", ["t"]),
        ("SELECT a FROM x WHERE b IN (SELECT b FROM u JOIN v ON u.a = v.a)", ["u", "v"]),
        ("SELECT EXTRACT(YEAR FROM day), TRIM(BOTH ' ' FROM name) FROM x WHERE a IS DISTINCT FROM b", []),
        ("SELECT a FROM x JOIN f(1) ON TRUE JOIN (SELECT 1) y ON TRUE", []),
        ("(FROM u)", ["u"]),
        ("SELECT a FROM ONLY u", ["u"]),
    ],
)
def test_names_behind_from_and_join_that_are_in_no_tree_are_found(sql: str, missing: list[str]) -> None:
    tokens = tokenized(sql, "postgres")
    assert tokens is not None
    assert overlooked(tokens, [(sqlglot.parse_one("SELECT a FROM x"), None, {"a", "x"})]) == missing


def test_a_plan_made_of_tokens_is_held_against_them() -> None:
    tokens = tokenized("CREATE TABLE o AS SELECT a FROM s.t", None)
    assert tokens is not None
    assert overlooked(tokens, [(None, Plan("CREATE TABLE", [], [Table(("o",))]), set())]) == ["t"]
    assert overlooked(tokens, [(None, Plan("CREATE TABLE", [Table(("s", "t"))], []), set())]) == []
    assert overlooked(tokens, [(None, Plan("EXPLAIN"), set())]) == []


@pytest.mark.parametrize(
    ("sql", "lacks"),
    [
        ("INSERT INTO o (a)", True),
        ("INSERT INTO o VALUES (1)", False),
        ("SELECT a FROM o", False),
    ],
)
def test_an_insert_without_rows_is_found(sql: str, lacks: bool) -> None:
    assert lacks_rows(sqlglot.parse_one(sql, read="postgres")) is lacks
