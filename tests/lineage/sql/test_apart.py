"""What one engine leaves open the worker's second one answers or confirms."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lineage.sql import SqlLineage, extract
from lineage.sql.apart import worker
from lineage.sql.fence import WIDE
from lineage.sql.process import NO_SCHEMA, WALL_SECONDS
from lineage.sql.reading import OPINION_STATEMENTS

# A clause of Exasol that sqlfluff knows and sqlglot does not.
UNKNOWN = "INSERT INTO shop.Totals (total) SELECT o.Amount FROM shop.Orders o PREFERRING LOW o.Amount"


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """Load the second engine before anything is timed: on a busy machine that takes it seconds."""
    extract("SELECT a FROM warm", confirm=True)
    extract(UNKNOWN.replace("shop", "warm"), dialect="exasol", apart=True)


def names(tables: object) -> list[str]:
    return [table.name for table in tables]  # type: ignore[attr-defined]


def edges(result: SqlLineage) -> list[tuple[str, str, str, str]]:
    return [(e.output.table, e.output.column, s.table, s.column) for e in result.columns for s in e.inputs]


def test_what_is_understood_here_starts_no_process() -> None:
    worker.stop()
    result = extract("INSERT INTO o SELECT a FROM t", apart=True)
    assert edges(result) == [("o", "a", "t", "a")]
    assert worker.pid is None


def test_a_statement_the_first_engine_does_not_know_has_the_second_ones_answer() -> None:
    result = extract(UNKNOWN, dialect="exasol", apart=True)
    assert (names(result.inputs), names(result.outputs)) == (["shop.Orders"], ["shop.Totals"])
    assert edges(result) == [("shop.Totals", "total", "shop.Orders", "Amount")]
    statement = result.statements[0]
    assert (statement.kind, statement.certain) == ("INSERT", False)
    assert statement.engine == result.engine
    assert statement.engine.startswith("sqllineage 1.")
    assert any("sqllineage" in problem for problem in result.problems)
    assert {source.subtype for each in result.columns for source in each.inputs} == {"TRANSFORMATION"}


def test_without_apart_it_stays_unread() -> None:
    result = extract(UNKNOWN, dialect="exasol")
    assert (result.inputs, result.statements[0].kind) == ((), "UNKNOWN")


def test_each_statement_of_a_script_names_the_engine_that_answered() -> None:
    script = f"INSERT INTO a SELECT x FROM b; {UNKNOWN}; INSERT INTO c SELECT y FROM d"
    result = extract(script, dialect="exasol", apart=True, default_namespace="exa://h")
    assert names(result.inputs) == ["b", "shop.Orders", "d"]
    assert names(result.outputs) == ["a", "shop.Totals", "c"]
    assert {table.namespace for table in (*result.inputs, *result.outputs)} == {"exa://h"}
    assert [each.engine.split()[0] for each in result.statements] == ["sqlglot", "sqllineage", "sqlglot"]
    assert [part.split()[0] for part in result.engine.split(", ")] == ["sqlglot", "sqllineage"]
    assert all(problem.startswith("statement 2: ") for problem in result.problems)


def test_a_script_keeps_the_rest_when_neither_engine_knows_a_statement() -> None:
    result = extract("INSERT INTO a SELECT x FROM b; SELECT FROM ((; DROP TABLE c", apart=True)
    assert (names(result.inputs), names(result.outputs)) == (["b"], ["a", "c"])
    assert len(result.problems) == 2
    assert "does not understand" in result.problems[1]
    assert all(problem.startswith("statement 2: ") for problem in result.problems)


def test_the_second_engine_knows_the_schema() -> None:
    sql = "INSERT INTO o SELECT price, name FROM sales JOIN shop.items ON item = id PREFERRING LOW price"
    schema = {"sales": ["item", "price"], "shop.items": ["id", "name"]}
    result = extract(sql, dialect="exasol", schema=schema, apart=True)
    assert set(edges(result)) == {("o", "price", "sales", "price"), ("o", "name", "shop.items", "name")}


def test_aliases_of_the_second_engine_are_no_tables() -> None:
    sql = """
        INSERT INTO o WITH c AS (SELECT a AS x FROM t) SELECT q.x, d.y, z.w
        FROM c q, (SELECT b AS y FROM u) d PREFERRING LOW q.x
    """
    result = extract(sql, dialect="exasol", apart=True)
    assert set(names(result.inputs)) == {"t", "u"}
    assert {edge[2] for edge in edges(result)} <= {"t", "u"}
    assert {("o", "x", "t", "a"), ("o", "y", "u", "b")} <= set(edges(result))


def test_a_bare_query_of_the_second_engine_has_columns_and_writes_nothing() -> None:
    for sql in (
        "SELECT a, b + 1 FROM bare PREFERRING LOW a",
        "WITH c AS (SELECT a, b FROM bare) SELECT a, b + 1 FROM c PREFERRING LOW a",
    ):
        result = extract(sql, dialect="exasol", apart=True)
        assert (names(result.inputs), result.outputs) == (["bare"], ())
        assert edges(result) == [("", "a", "bare", "a"), ("", "_col_1", "bare", "b")]
        assert result.statements[0].kind == "SELECT"


def test_a_star_stays_a_star_and_counting_rows_has_no_source() -> None:
    result = extract("INSERT INTO o SELECT * FROM t PREFERRING LOW a", dialect="exasol", apart=True)
    assert edges(result) == [("o", "*", "t", "*")]
    result = extract(
        "INSERT INTO o SELECT count(*) AS n FROM t PREFERRING LOW a", dialect="exasol", apart=True
    )
    assert edges(result) == []


@pytest.mark.parametrize(
    ("sql", "dialect", "kind", "temporary"),
    [
        ("CREATE VOLATILE TABLE o AS (SELECT a FROM t) WITH DATA", "teradata", "CREATE TABLE AS", ["o"]),
        ("CREATE TABLE o AS (SELECT a FROM t) WITH DATA", "teradata", "CREATE TABLE AS", []),
        ("SELECT a INTO #o FROM t", "tsql", "SELECT", ["#o"]),
        ("CREATE OR REPLACE VIEW o AS SELECT a FROM t", "ansi", "CREATE VIEW", []),
        ("/* x */ WITH c AS (SELECT a FROM t) INSERT INTO o SELECT a FROM c", "postgres", "INSERT", []),
    ],
)
def test_a_statement_of_the_second_engine_has_its_kind_and_temporary_tables(
    sql: str, dialect: str, kind: str, temporary: list[str]
) -> None:
    """Asked as the worker asks it, so that it does not matter what the first engine knows."""
    code = f"""
import os
os.environ["SQLLINEAGE_DEFAULT_SCHEMA"] = "{NO_SCHEMA}"
from lineage.sql.process import Request
from lineage.sql.results import StatementLineage
from lineage.sql.second_reading import second_reading
unread = StatementLineage("UNKNOWN", (), (), (), False, ("not read",), "none", {dialect!r}, text={sql!r})
(found,) = second_reading(unread, Request({sql!r}, {dialect!r}, (), None, None, False))
names = [[table.name for table in tables] for tables in (found.inputs, found.outputs, found.temporary)]
print([found.kind, *names])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kind_found, inputs, outputs, marked = ast.literal_eval(ended.stdout)
    assert (kind_found, inputs, marked) == (kind, ["t"], temporary)
    assert [name.lstrip("#") for name in outputs] == ["o"]


def test_confirmation_marks_tables_and_sources() -> None:
    sql = "INSERT INTO o SELECT a.x, CASE WHEN b.c > 1 THEN b.y END AS y FROM a JOIN b ON a.id = b.id"
    result = extract(sql, confirm=True)
    assert [table.confirmed for table in (*result.inputs, *result.outputs)] == [True, True, True]
    assert {source.confirmed for each in result.columns for source in each.inputs} == {True}
    conditional = [s for each in result.columns for s in each.indirect if s.subtype == "CONDITIONAL"]
    assert [source.confirmed for source in conditional] == [True]
    joins = [
        source.confirmed for each in result.columns for source in each.indirect if source.subtype == "JOIN"
    ]
    assert set(joins) == {None}
    assert result.problems == ()
    assert result.statements[0].certain


def test_what_the_second_engine_misses_is_not_confirmed() -> None:
    """It gives a DELETE no tables, and a CTE named like its table hides that."""
    deleted = extract("DELETE FROM o WHERE a = 1", confirm=True)
    assert [(table.name, table.confirmed) for table in deleted.outputs] == [("o", False)]
    shadowed = extract("INSERT INTO x WITH t AS (SELECT a FROM t) SELECT a FROM t", confirm=True)
    assert [(table.name, table.confirmed) for table in shadowed.inputs] == [("t", False)]
    assert [source.confirmed for each in shadowed.columns for source in each.inputs] == [False]


def test_without_confirmation_nothing_is_said() -> None:
    result = extract("INSERT INTO o SELECT a FROM t", apart=True)
    assert [table.confirmed for table in (*result.inputs, *result.outputs)] == [None, None]
    assert [source.confirmed for each in result.columns for source in each.inputs] == [None]


def test_what_the_second_engine_cannot_read_is_neither_confirmed_nor_denied() -> None:
    result = extract("INSERT INTO o SELECT list_transform(a, x -> x + 1) AS a FROM lambdas", confirm=True)
    assert names(result.inputs) == ["lambdas"]
    assert [table.confirmed for table in (*result.inputs, *result.outputs)] == [None, None]
    assert any("nothing is confirmed" in problem for problem in result.problems)


def test_a_long_script_is_confirmed_as_far_as_the_second_engine_is_asked() -> None:
    script = ";".join(f"INSERT INTO o{i} SELECT a FROM t{i}" for i in range(OPINION_STATEMENTS + 5))
    result = extract(script, confirm=True)
    marks = [table.confirmed for table in result.inputs]
    assert marks == [True] * OPINION_STATEMENTS + [None] * 5
    assert len(result.problems) == 1
    assert f"5 of {OPINION_STATEMENTS + 5} statements" in result.problems[0]


@pytest.mark.slow
def test_the_second_engine_that_takes_too_long_leaves_the_first_ones_answer() -> None:
    rows = ", ".join(f"({i}, 'x')" for i in range(9_000))
    started = time.monotonic()
    result = extract(
        f"INSERT INTO slow_o (a, b) VALUES {rows}; INSERT INTO o SELECT a FROM slow_t", confirm=True
    )
    assert time.monotonic() - started < WALL_SECONDS
    assert names(result.outputs) == ["slow_o", "o"]
    assert edges(result) == [("o", "a", "slow_t", "a")]
    assert [table.confirmed for table in result.outputs] == [None, None]
    assert all("sqllineage did not answer in time" in problem for problem in result.problems)
    assert extract("INSERT INTO o SELECT a FROM after_slow", confirm=True).inputs[0].confirmed is True


def test_a_worker_that_dies_is_a_problem_of_that_text_alone() -> None:
    deep = f"INSERT INTO o SELECT {'(' * 300}a{')' * 300} AS a FROM "
    extract(deep + "warm", apart=True)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    threading.Timer(0.3, os.killpg, (worker.pid, signal.SIGKILL)).start()
    result = extract(deep + "killed", apart=True)
    assert result.statements == ()
    assert result.problems == ("the worker process was ended by SIGKILL: the text may be too much for it",)
    assert names(extract(deep + "next_one", apart=True).inputs) == ["next_one"]


def test_a_text_over_the_wide_bound_is_refused_by_the_worker_too() -> None:
    result = extract("SELECT " + "a," * (WIDE.characters // 2) + "a FROM t", apart=True)
    assert result.statements == ()
    assert len(result.problems) == 1
    assert f"{WIDE.characters} are read here: give it in smaller parts" in result.problems[0]


def test_an_answer_from_apart_is_remembered() -> None:
    first = extract(UNKNOWN, dialect="exasol", apart=True)
    worker.stop()
    assert extract(UNKNOWN, dialect="exasol", apart=True) is first
    assert worker.pid is None


def test_constants_of_a_long_list_are_passed_over_and_its_columns_are_not() -> None:
    constants = ", ".join(str(i) for i in range(30_000))
    result = extract(
        f"INSERT INTO o SELECT CASE WHEN a IN ({constants}, b) THEN c END AS x FROM t", apart=True
    )
    sources = {source.column for each in result.columns for source in (*each.inputs, *each.indirect)}
    assert sources == {"a", "b", "c"}
    result = extract(f"INSERT INTO o SELECT a FROM t WHERE b IN ({constants}) AND c = 1", apart=True)
    assert {source.column for source in result.columns[0].indirect} == {"b", "c"}


@pytest.mark.parametrize("secret", ["hunter2"])
def test_no_literal_leaves_in_problems_of_either_engine(secret: str) -> None:
    for sql in (f"SELEC '{secret}' FROM ((", f"INSERT INTO o SELECT '{secret}', a FROM t PREFERRING LOW a"):
        result = extract(sql, dialect="exasol", confirm=True)
        assert result.problems
        assert secret not in repr(result.problems) + repr(result.columns)


@pytest.mark.slow
def test_a_text_that_takes_too_much_memory_ends_the_worker_and_nothing_else() -> None:
    ctes = "".join(f", c{i} AS (SELECT a, b, c, d FROM c{i - 1})" for i in range(1, 13_000))
    sql = f"INSERT INTO o WITH c0 AS (SELECT a, b, c, d FROM t){ctes} SELECT a, b, c, d FROM c12999"
    result = extract(sql, apart=True)
    assert result.problems[-1].startswith(
        ("the worker process took too much memory", "the worker process did not answer in time")
    )
    assert extract(f"INSERT INTO o SELECT {'(' * 300}a{')' * 300} AS a FROM after", apart=True).problems == ()


def test_an_unnamed_column_of_the_second_engine_has_its_place() -> None:
    sql = 'INSERT INTO o SELECT a, 1, b + 1 AS b, max( c ), c || "d" FROM t PREFERRING LOW a'
    result = extract(sql, dialect="exasol", apart=True)
    assert result.statements[0].engine.startswith("sqllineage")
    found = {(edges.output.column, source.column) for edges in result.columns for source in edges.inputs}
    assert found == {("a", "a"), ("b", "b"), ("_col_3", "c"), ("_col_4", "c"), ("_col_4", "d")}
