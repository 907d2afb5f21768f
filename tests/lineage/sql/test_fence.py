"""In a program that is not ours, reading SQL stays cheap and leaves everything as it was."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from sql_probes import PROBES
from yardstick import costs_less_than, seconds_of

from lineage.sql import SqlLineage, extract, extraction
from lineage.sql.fence import CHEAP, WIDE, refusal

TESTS = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", PROBES)
def test_reading_a_probe_here_changes_nothing_of_the_program(name: str) -> None:
    def state() -> tuple[object, ...]:
        return (
            sys.getrecursionlimit(),
            threading.stack_size(),
            [signal.getsignal(number) for number in sorted(signal.valid_signals())],
            threading.enumerate(),
            psutil.Process().children(recursive=True),
            gc.isenabled(),
            sys.getswitchinterval(),
        )

    extract("SELECT a FROM t")
    extraction._remembered.cache_clear()
    before = state()
    extract(PROBES[name].sql, dialect=PROBES[name].dialect)
    assert state() == before


def read(sql: str, dialect: str | None = None) -> SqlLineage:
    """Read a text that may have been read before."""
    extraction._remembered.cache_clear()
    return extract(sql, dialect=dialect)


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_costs_the_program_little(name: str) -> None:
    """0.3 s on a machine on which a million additions take 0.05 s."""
    extract("SELECT a FROM t")  # what is loaded for the first statement is not of this one
    assert costs_less_than(6, lambda: read(PROBES[name].sql, PROBES[name].dialect))


@pytest.mark.parametrize("thread", [False, True])
def test_deep_texts_do_not_kill_a_program_with_a_high_recursion_limit(thread: bool) -> None:
    code = f"""
import sys, threading
sys.path.insert(0, {str(TESTS)!r})
sys.setrecursionlimit(20000)
from sql_probes import PROBES
from lineage.sql import extract
deepest = [
    "(" * 149 + "a" + ")" * 149, "f(" * 149 + "a" + ")" * 149, "NOT " * 3900 + "a", "- " * 3900 + "a",
    "CASE WHEN a THEN " * 149 + "1" + " END" * 149, "a" + " || a" * 1300, "a" + "::int" * 1300,
    "a" + "[1]" * 1200,
]
def run():
    for probe in PROBES.values():
        extract(probe.sql, dialect=probe.dialect)
    for text in deepest:
        extract("INSERT INTO o SELECT " + text + " AS a FROM t")
    extract("INSERT INTO o SELECT a FROM " + "(SELECT a FROM " * 149 + "t" + ") x" * 149)
    print("alive")
if {thread}:
    started = threading.Thread(target=run); started.start(); started.join()
else:
    run()
assert sys.getrecursionlimit() == 20000
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "alive\n"), ended.stderr[-500:]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT '" + "x" * CHEAP.characters + "'", "characters"),
        ("SELECT " + ", ".join(["a"] * CHEAP.tokens), "words and signs"),
        ("SELECT " + "(" * 151 + "1" + ")" * 151, "nested too deep"),
        ("SELECT " + "CASE WHEN a THEN " * 151 + "1" + " END" * 151, "nested too deep"),
        ("SELECT 1 FROM t0" + "".join(f" JOIN t{i} USING (a)" for i in range(61)), "joins"),
        ("SELECT 1 FROM " + ", ".join(f"t{i}" for i in range(62)), "joins"),
        ("SELECT 1 FROM " + ", ".join(f"(SELECT b, c FROM u{i}) t{i}" for i in range(62)), "joins"),
    ],
)
def test_a_refusal_says_what_is_too_much_and_what_to_do(sql: str, reason: str) -> None:
    result = extract(sql)
    assert result.statements == ()
    assert reason in result.problems[0]
    assert "apart=True" in result.problems[0]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM t0" + "".join(f" JOIN t{i} USING (a)" for i in range(60)),
        "SELECT " + ", ".join(["a"] * 1900) + " FROM t WHERE a IN (" + ", ".join("1" * 80) + ")",
        "; ".join("SELECT 1 FROM t0" + "".join(f" JOIN t{i} ON true" for i in range(40)) for _ in range(3)),
        "SELECT " + ", ".join(f"EXTRACT(year FROM a{i})" for i in range(100)) + " FROM t",
        " UNION ALL ".join(f"SELECT a, b FROM t{i}, u" for i in range(60)),
    ],
)
def test_what_is_long_but_cheap_is_read(sql: str) -> None:
    assert refusal(sql) is None


@pytest.mark.parametrize(
    "text", ["'", "/*", "\\'", "'\\", "a", "--", "{ ", "a ", "from a,", "case ", "in (1,", "in ('"]
)
def test_the_fence_is_linear(text: str) -> None:
    """At the worker's bound, which is the wider one."""
    sql = text * (WIDE.characters // len(text))
    assert costs_less_than(60, lambda: refusal(sql, WIDE))
    assert costs_less_than(2, lambda: refusal(sql[: CHEAP.characters]))


@pytest.mark.parametrize("closed", [False, True])
def test_lateral_subqueries_in_each_other_cost_little(closed: bool) -> None:
    """The parser tries what is broken inside of each of them twice: 20 levels take it minutes."""
    sql = "SELECT p FROM d, LATERAL ( " * 20 + "SELECT x FROM SELECT x" + ") AS q" * 20 * closed
    assert costs_less_than(20, lambda: read(sql))
    result = extract(sql)
    assert any("LATERAL" in problem and "apart=True" in problem for problem in result.problems)
    siblings = "SELECT p FROM d" + ", LATERAL (SELECT d.p) AS q" * 20
    assert refusal(siblings) is None


def test_bare_columns_of_many_tables_cost_little() -> None:
    columns = ", ".join(f"c{i}" for i in range(850))
    sql = f"INSERT INTO o SELECT {columns} FROM t0 " + " ".join(f"JOIN t{i} USING (id)" for i in range(1, 50))
    with_tables = sql.replace(" c", " t0.c")
    bare, qualified = read(sql), read(with_tables)
    assert len(bare.columns) == len(qualified.columns) == 850
    assert seconds_of(lambda: read(sql)) < 2.5 * seconds_of(lambda: read(with_tables))
    assert "c0 may be of several tables" in bare.problems[0]


@pytest.mark.parametrize("end", ["", " JOIN .x"])
@pytest.mark.parametrize("join", ["JOIN", "LEFT JOIN", "NATURAL JOIN"])
def test_joins_without_conditions_cost_little(join: str, end: str) -> None:
    """The parser tries each of them twice: 20 take it minutes, broken or not."""
    sql = "SELECT a FROM t" + f" {join} u" * 20 + end
    assert costs_less_than(20, lambda: read(sql))
    result = extract(sql)
    assert any("JOIN" in problem and "apart=True" in problem for problem in result.problems)


@pytest.mark.parametrize("join", [" JOIN u ON u.a = t.a", " JOIN u USING (a)", " CROSS JOIN u", " , u"])
def test_joins_with_conditions_are_read(join: str) -> None:
    assert refusal("SELECT a FROM t" + join * 20) is None
    assert refusal(("SELECT a FROM t JOIN u" + "; ") * 20) is None
    assert refusal("SELECT a FROM t WHERE" + " OR".join([" a IN (SELECT a FROM t JOIN u)"] * 20)) is None
