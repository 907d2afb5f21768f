"""No text makes `extract` raise, hang, log or give away a literal."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from yardstick import costs_less_than

from lineage import _guard
from lineage.sql import SqlLineage, extract, extraction
from lineage.sql.catalog import Catalog
from lineage.sql.fence import CHEAP, refusal

SECRET = "hunter2"


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "   \n\t ",
        ";;;",
        "-- only a comment",
        "/* only a comment */",
        "/* never closed",
        "'never closed",
        "not sql at all, just words",
        "def f(x):\n    return x['a']",
        "SELECT a\x00b FROM t",
        "\x00",
        "\ufeffSELECT a FROM t",
        "SELECT 😀 FROM t",
        "SELECT",
        "SELECT * FROM",
        "INSERT INTO",
        "MERGE INTO t",
        "UPDATE t SET",
        "COPY",
        "CREATE TABLE",
        "CREATE",
        "ALTER TABLE t",
        "DROP",
        "DELETE",
        "TRUNCATE",
        "WITH a AS (SELECT 1)",
        "SELECT * FROM t WHERE",
        "INSERT ALL SELECT 1",
        "SELECT a FROM t GROUP BY 99",
        "SELECT $1, %(x)s, :y, ? FROM t",
        "SELECT a FROM t JOIN",
        "(((((",
        ")))))",
        "SELECT (SELECT (SELECT",
        "WITH RECURSIVE r AS (SELECT * FROM r UNION SELECT * FROM r) SELECT * FROM r",
        "WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a",
    ],
)
@pytest.mark.parametrize("dialect", [None, "postgres", "bigquery", "snowflake", "mssql", "duckdb", "spark"])
def test_odd_texts_give_an_answer(sql: str, dialect: str | None) -> None:
    before = _guard.faults.total()
    result = extract(sql, dialect=dialect)
    assert result.engine.startswith("sqlglot ")
    assert _guard.faults.total() == before, "the answer is not an accident"


@pytest.mark.parametrize(
    "nested",
    [
        f"SELECT {'(' * 140}a{')' * 140} AS b FROM t",
        f"SELECT {'f(' * 140}a{')' * 140} AS b FROM t",
        f"SELECT a FROM {'(SELECT a FROM ' * 140}t{') x' * 140}",
        f"SELECT {'CASE WHEN a THEN ' * 140}1{' END' * 140} AS b FROM t",
        f"SELECT {'NOT ' * 3000}a AS b FROM t",
    ],
)
def test_deep_nesting_is_read_right_or_a_problem_and_no_error(nested: str) -> None:
    """A compiled parser reads deeper than Python's recursion limit lets the other one."""
    limit = sys.getrecursionlimit()
    result = extract(f"INSERT INTO o {nested}")
    if any(statement.certain for statement in result.statements):
        assert {(source.table, source.column) for edges in result.columns for source in edges.inputs} <= {
            ("t", "a")
        }
        assert [table.name for table in result.inputs] == ["t"]
    else:
        assert any("deep" in problem for problem in result.problems)
    assert sys.getrecursionlimit() == limit


def test_what_is_nested_5000_deep_is_refused_here() -> None:
    result = extract(f"INSERT INTO o SELECT {'(' * 5000}a{')' * 5000} FROM t")
    assert result.statements == ()
    assert any("deep" in problem for problem in result.problems)


@pytest.mark.parametrize(
    ("sql", "sources"),
    [
        ("SELECT a FROM t WHERE " + " OR ".join(f"a = {i}" for i in range(2000)), 1),
        ("SELECT " + " || ".join(f"a{i}" for i in range(1000)) + " AS a FROM t", 1000),
        (" UNION ALL ".join(f"SELECT a FROM t{i}" for i in range(1000)), 1000),
    ],
)
def test_long_statements_are_read_in_full(sql: str, sources: int) -> None:
    result = extract(f"INSERT INTO o {sql}", apart=True)
    assert len(result.columns[0].inputs) == sources
    assert result.statements[0].certain


def read_again(sql: str, dialect: str | None = None) -> SqlLineage:
    extraction._remembered.cache_clear()
    return extract(sql, dialect=dialect)


def test_self_joined_ctes_cost_no_more_than_their_text() -> None:
    ctes = ["c0 AS (SELECT a, b FROM t)"]
    ctes += [f"c{i} AS (SELECT x.a, y.b FROM c{i - 1} x JOIN c{i - 1} y ON x.a = y.b)" for i in range(1, 40)]
    sql = f"INSERT INTO o WITH {', '.join(ctes)} SELECT a, b FROM c39"
    result = extract(sql)
    assert [[source.column for source in edges.inputs] for edges in result.columns] == [["a"], ["b"]]
    assert costs_less_than(40, lambda: read_again(sql))


def test_a_text_over_the_bound_is_refused_at_once() -> None:
    sql = "SELECT a FROM t WHERE a IN (" + ",".join(["1"] * (CHEAP.characters // 2)) + ")"
    result = extract(sql)
    assert costs_less_than(2, lambda: read_again(sql))
    assert result.statements == ()
    assert "characters" in result.problems[0]
    assert "apart=True" in result.problems[0]


@pytest.mark.parametrize(
    ("sql", "refused"),
    [
        ("SELECT * FROM {{ ref('orders') }}", True),
        ("{% if x %} SELECT 1 {% endif %}", True),
        ('SELECT * FROM "{{ schema }}".t', True),
        ("SELECT '{{1,2},{3,4}}'::int[]", False),
        ("SELECT 1 -- {{ x }}", False),
        ("SELECT " + "(" * CHEAP.depth + "1" + ")" * CHEAP.depth, False),
        ("SELECT " + "(" * (CHEAP.depth + 1) + "1" + ")" * (CHEAP.depth + 1), True),
        ("SELECT '" + "(" * 1000 + "'", False),
        ("SELECT 1 /* " + "(" * 1000 + " */", False),
        ("(1) " * 1000, False),
    ],
)
def test_the_fence_looks_outside_strings_and_comments(sql: str, refused: bool) -> None:
    assert (refusal(sql) is not None) == refused


def test_a_template_is_told_to_be_compiled() -> None:
    result = extract("SELECT * FROM {{ ref('orders') }}")
    assert "compiled SQL" in result.problems[0]
    assert result.inputs == ()


@pytest.mark.parametrize(
    "sql",
    [
        f"SELEC '{SECRET}' FROM t",
        f"SELECT * FROM t WHERE a = '{SECRET}' ((",
        f"CALL load('{SECRET}')",
        f"CREATE USER x PASSWORD '{SECRET}'",
        f"INSERT INTO o SELECT x FROM a, b WHERE y = '{SECRET}'",
        f"CREATE FUNCTION f() RETURNS int AS '{SECRET}' LANGUAGE sql",
        f"SELECT '{SECRET}",
    ],
)
def test_no_literal_leaves_in_problems_or_the_log(sql: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        result = extract(sql, dialect="postgres")
    assert result.problems
    assert SECRET not in " ".join(result.problems)
    assert SECRET not in caplog.text


def test_the_parsers_own_warnings_still_reach_the_programs_log(caplog: pytest.LogCaptureFixture) -> None:
    import sqlglot

    extract("CALL load(1)")
    with caplog.at_level(logging.WARNING):
        sqlglot.parse_one("CALL load(2)")
    assert "load(2)" in caplog.text


def test_a_command_is_never_called_understood() -> None:
    statement = extract("CALL refresh_everything()", dialect="snowflake").statements[0]
    assert statement.kind == "CALL"
    assert not statement.certain
    assert statement.problems


def test_a_fault_in_the_columns_leaves_the_tables_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Catalog, table: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(Catalog, "columns", fail)
    monkeypatch.setattr(_guard, "_reraise", False)
    result = extract("INSERT INTO o_fault SELECT a FROM t_fault")
    assert [table.name for table in result.inputs] == ["t_fault"]
    assert [table.name for table in result.outputs] == ["o_fault"]
    assert result.problems == ("its columns could not be read",)
    assert not result.statements[0].certain


def test_an_unknown_dialect_is_said_and_read_as_generic_sql() -> None:
    result = extract("SELECT a FROM t", dialect="klingon")
    assert [table.name for table in result.inputs] == ["t"]
    assert result.problems == ("the dialect klingon is not known, generic SQL is assumed",)
    assert result.dialect is None


def test_an_unknown_dialect_is_told_without_the_rest_of_its_url() -> None:
    assert SECRET not in extract("SELECT 1", dialect=f"klingon://u:{SECRET}@h/db").problems[0]


def test_the_package_loads_no_parser_before_the_first_call() -> None:
    code = (
        "import sys, lineage.sql; assert 'sqlglot' not in sys.modules; "
        "lineage.sql.dialect_of('pg'); assert 'sqlglot' not in sys.modules; "
        "lineage.sql.extract('SELECT 1'); assert 'sqlglot' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_short_text_is_read_once() -> None:
    first, again = (extract("SELECT a FROM remembered", schema={"remembered": ["a"]}) for _ in range(2))
    assert first is again
    assert extract("SELECT a FROM remembered", schema={"remembered": ["b"]}) is not first


@pytest.mark.parametrize(
    "end", ["WITH EVERY KIND OF CHECK", "WITH x AS (SELECT 1)", "WHERE a IN (SELECT b FROM u WITH ROWS) "]
)
def test_words_that_older_parsers_of_oracle_never_come_back_from_are_a_problem(end: str) -> None:
    sql = f"CREATE VIEW v AS SELECT a FROM t {end}"
    result = extract(sql, dialect="oracle")
    assert costs_less_than(20, lambda: read_again(sql, "oracle"))
    assert not result.statements[0].certain
    kept = extract("CREATE VIEW v AS SELECT a FROM t WITH READ ONLY", dialect="oracle")
    assert [table.name for table in kept.inputs] == ["t"]


def test_a_merge_without_its_source_is_refused_at_once() -> None:
    sql = "MERGE INTO mart.visits AS d (SELECT max(visited_at) FROM mart.visits)"

    assert costs_less_than(2, lambda: read_again(sql, None))

    (problem,) = extract(sql).problems
    assert problem.startswith("the parser does not understand it")
