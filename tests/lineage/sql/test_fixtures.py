"""The statements of `tests/fixtures/sql` have the lineage that was worked out for them by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import sql_cases
from sql_cases import Case, MalformedCaseError, cases_of, wrong_columns, wrong_tables

CASES = sql_cases.all_cases()

# How many cases each dialect has at least, and how much of all of them is exactly right.
ENOUGH = {
    "bigquery": 30,
    "snowflake": 30,
    "oracle": 30,
    "tsql": 30,
    "databricks": 30,
    "redshift": 30,
    "mysql": 30,
}
ENOUGH_IN_ALL = 250
EXACT_TABLES = 0.97
EXACT_COLUMNS = 0.95


def check(case: Case, what: str, wrong: Callable[[Case], list[str]]) -> None:
    found, reason = wrong(case), case.misses.get(what)
    if reason is None:
        assert found == [], f"{case.path}:{case.line}"
    else:
        assert found, f"{case.path}:{case.line}: this is right now, remove its `-- miss {what}`"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_statement_has_its_tables(case: Case) -> None:
    check(case, "tables", wrong_tables)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_statement_has_its_columns(case: Case) -> None:
    check(case, "columns", wrong_columns)


def test_there_are_enough_statements_of_each_dialect() -> None:
    counted = Counter("databricks" if case.dialect == "spark" else case.dialect for case in CASES)

    assert {dialect: counted[dialect] for dialect, least in ENOUGH.items() if counted[dialect] < least} == {}
    assert len(CASES) >= ENOUGH_IN_ALL


@pytest.mark.parametrize(
    ("what", "wrong", "least"),
    [("tables", wrong_tables, EXACT_TABLES), ("columns", wrong_columns, EXACT_COLUMNS)],
)
def test_nearly_all_statements_are_exactly_right(
    what: str, wrong: Callable[[Case], list[str]], least: float
) -> None:
    missed = {case.name: case.misses.get(what, "no reason is given") for case in CASES if wrong(case)}

    assert len(missed) <= (1 - least) * len(CASES), missed


def test_every_miss_has_a_reason() -> None:
    assert [case.name for case in CASES for reason in case.misses.values() if len(reason.split()) < 3] == []


def written(folder: Path, text: str) -> Path:
    path = folder / "postgres" / "made.sql"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def test_a_case_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "-- About inserts.\n"
        "-- case: an insert\n"
        "-- schema: raw.T(a, b)\n"
        "-- default schema: raw\n"
        "-- in: raw.T\n"
        "-- out: o, p\n"
        "-- rows: ~ raw.T.b FILTER\n"
        "-- rows of o: ~ raw.T.a SORT\n"
        "-- o.x <- raw.T.a IDENTITY, raw.T.b TRANSFORMATION masked;\n"
        "--    ~ raw.T.b WINDOW\n"
        "-- p.y <- nothing\n"
        "-- miss columns: two words more\n"
        "-- miss tables (sqlglot < 1): long ago\n"
        "INSERT\n"
        "-- a comment of the statement\n"
        "INTO o\n"
        "-- case: nothing\n"
        "-- in: (none)\n"
        "-- out: (none)\n"
        "-- (none)\n"
        "SELECT 1\n",
    )
    case, other = cases_of(path)

    assert (case.name, case.line) == ("postgres/made: an insert", 2)
    assert case.sql == "INSERT\n-- a comment of the statement\nINTO o"
    assert (case.schema, case.default_schema) == ({"raw.T": ("a", "b")}, "raw")
    assert (set(case.inputs), set(case.outputs)) == ({"raw.t"}, {"o", "p"})
    assert set(case.columns) == {
        "o.x <- raw.t.a IDENTITY",
        "o.x <- raw.t.b TRANSFORMATION masked",
        "o.x <- raw.t.b WINDOW",
        "o.x <- raw.t.b FILTER",
        "o.x <- raw.t.a SORT",
        "p.y <- raw.t.b FILTER",
    }
    assert case.misses == {"columns": "two words more"}
    assert len(other.inputs | other.outputs | other.columns) == 0


@pytest.mark.parametrize(
    ("lines", "line", "problem"),
    [
        (["SELECT 1"], 1, "a statement before the first"),
        (["-- words"], 1, "there is no `-- case:`"),
        (["-- case: c", "-- in: (none)", "-- (none)", "SELECT 1"], 1, "`-- in:` and `-- out:`"),
        (["-- case: c", "-- in: t", "-- out: o", "SELECT 1"], 1, "either columns or"),
        (["-- case: c", "-- in: t", "-- out: o", "-- (none)"], 1, "a title and a statement"),
        (["-- case: c", "-- inn: t", "SELECT 1"], 2, "neither a note nor a column"),
        (["-- case: c", "-- schema: t", "SELECT 1"], 2, "a schema is written"),
        (["-- case: c", "-- rows: t.a FILTER", "SELECT 1"], 2, "rows are written"),
        (["-- case: c", "-- o.a <- t.a JOIN", "SELECT 1"], 2, "a source is"),
        (["-- case: c", "-- o.a <- nothing; ~ t.a IDENTITY", "SELECT 1"], 2, "a source is"),
        (["-- case: c", "-- o.a <- t.a", "SELECT 1"], 2, "a source is"),
        (["-- case: c", "-- o.a <- nothing", "-- O.A <- nothing", "SELECT 1"], 3, "listed twice"),
        (["-- case: c", "-- o.a <- t.a IDENTITY, T.A IDENTITY", "SELECT 1"], 2, "once each"),
        (["-- case: c", "-- in: t", "-- out: o", "-- p.a <- t.a IDENTITY", "SELECT 1"], 1, "p is written"),
        (["-- case: c", "-- in: t", "-- out: o", "-- o.a <- u.a IDENTITY", "SELECT 1"], 1, "u is a source"),
        (
            ["-- case: c", "-- in: (none)", "-- out: (none)", "-- (none)", "SELECT 1"] * 2,
            6,
            "a second case is called 'c'",
        ),
    ],
)
def test_a_malformed_case_is_named_by_file_and_line(
    tmp_path: Path, lines: list[str], line: int, problem: str
) -> None:
    path = written(tmp_path, "\n".join(lines) + "\n")

    with pytest.raises(MalformedCaseError) as raised:
        cases_of(path)

    assert str(raised.value).startswith(f"{path}:{line}: ")
    assert problem in str(raised.value)
