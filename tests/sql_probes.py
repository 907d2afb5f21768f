"""Texts that break SQL parsers, with the right answer or what the error says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Answer = tuple[frozenset[str], frozenset[str], frozenset[tuple[str, str]]]


def _answer(inputs: Iterable[str], outputs: Iterable[str], edges: Iterable[str] = ()) -> Answer:
    """Return an answer; edges are written `output.column source.column`."""
    pairs = (tuple(edge.split(" ")) for edge in edges)
    return frozenset(inputs), frozenset(outputs), frozenset((output, source) for output, source in pairs)


NOTHING = _answer([], [])
T_TO_O = _answer(["t"], ["o"], ["o.a t.a"])
T_TO_O_TWICE = _answer(["t"], ["o"], ["o.a t.a", "o.b t.b"])
ORDERS = _answer(["orders"], ["orders_daily"], ["orders_daily.id orders.id"])


@dataclass(frozen=True)
class Probe:
    """A text; `answer` are its inputs, its outputs, and its written columns each with a direct source.

    `plain` and `apart` are words of the problem that stands in place of the right answer, None where that is
    given.
    """

    sql: str
    answer: Answer
    plain: str | None = None
    apart: str | None = None
    dialect: str | None = None


def _insert(query: str) -> str:
    return f"INSERT INTO o {query}"


def _ctes(count: int) -> str:
    ctes = ", ".join(f"c{i} AS (SELECT a, b FROM c{i - 1})" for i in range(1, count))
    return _insert(f"WITH c0 AS (SELECT a, b FROM t), {ctes} SELECT a, b FROM c{count - 1}")


def _fanout(levels: int) -> str:
    join = "SELECT x.a, y.b FROM c{0} x JOIN c{0} y ON x.a = y.b"
    ctes = ", ".join(f"c{i} AS ({join.format(i - 1)})" for i in range(1, levels + 1))
    return _insert(f"WITH c0 AS (SELECT a, b FROM t), {ctes} SELECT a, b FROM c{levels}")


def _nested(opening: str, closing: str, depth: int) -> str:
    return _insert(f"SELECT {opening * depth}a{closing * depth} AS a FROM t")


def _subqueries(depth: int) -> str:
    return _insert(f"SELECT a FROM {'(SELECT a FROM ' * depth}t{') x' * depth}")


def _in_list(characters: int) -> str:
    text = _insert("SELECT a FROM t WHERE a IN (1")
    return text + ", 2" * ((characters - len(text) - 1) // 3) + ")"


TSQL_PROCEDURE = """
CREATE PROCEDURE dbo.load_orders @day date AS
BEGIN
    SET NOCOUNT ON
    INSERT INTO dbo.orders_daily (id, amount) SELECT id, amount FROM dbo.orders WHERE day = @day
    DELETE FROM dbo.orders_log WHERE day < @day
END
"""
PLPGSQL_FUNCTION = """
CREATE OR REPLACE FUNCTION load_orders() RETURNS void AS $$
BEGIN
    INSERT INTO orders_daily (id) SELECT id FROM orders;
END;
$$ LANGUAGE plpgsql;
"""
ORACLE_PROCEDURE = """
CREATE OR REPLACE PROCEDURE load_orders AS
    n NUMBER := 0;
BEGIN
    INSERT INTO orders_daily (id) SELECT id FROM orders;
    COMMIT;
END load_orders;
"""
SNOWFLAKE_SCRIPT = """
DECLARE
    n INTEGER DEFAULT 0;
BEGIN
    INSERT INTO orders_daily (id) SELECT id FROM orders;
    RETURN n;
END;
"""
INSERT_ALL = "INSERT ALL INTO o1 (a) VALUES (a) INTO o2 (a) VALUES (a) SELECT a FROM t"

DEEP = "nested too deep"
LONG = "words and signs"

PROBES = {
    "syntax_error": Probe("SELECT FROM WHERE GROUP", NOTHING, "does not understand", "does not understand"),
    "one_bad_of_three": Probe(
        "INSERT INTO a SELECT x FROM b; SELECT FROM ((; INSERT INTO c SELECT y FROM d",
        _answer(["b", "d"], ["a", "c"], ["a.x b.x", "c.y d.y"]),
    ),
    "jinja": Probe(
        "SELECT a FROM {{ ref('orders') }} WHERE a > {{ var('x') }}", _answer(["orders"], []), "compiled SQL"
    ),
    "airflow_param": Probe(_insert("SELECT a FROM t WHERE d = %(day)s"), T_TO_O, dialect="postgres"),
    "paren5000": Probe(_nested("(", ")", 5000), T_TO_O, DEEP),
    "paren500": Probe(_nested("(", ")", 500), T_TO_O, DEEP),
    "paren100": Probe(_nested("(", ")", 100), T_TO_O, DEEP),
    "function5000": Probe(_nested("f(", ")", 5000), T_TO_O, DEEP),
    "not5000": Probe(_nested("NOT ", "", 5000), T_TO_O, LONG),
    "subq200": Probe(_subqueries(200), T_TO_O, DEEP),
    "subq1500": Probe(_subqueries(1500), T_TO_O, DEEP),
    "in_list_1mb": Probe(_in_list(1_000_000), T_TO_O, "characters"),
    "values_10k_rows": Probe(
        "INSERT INTO o (a, b) VALUES " + ", ".join(f"({i}, 'x')" for i in range(10_000)),
        _answer([], ["o"]),
        "characters",
    ),
    "comments_only": Probe("-- nothing\n/* here */", NOTHING),
    "empty": Probe("", NOTHING),
    "whitespace": Probe(" \n\t ;;; ", NOTHING),
    "unicode": Probe(
        'INSERT INTO größe SELECT naïve, "列" FROM 表',
        _answer(["表"], ["größe"], ["größe.naïve 表.naïve", "größe.列 表.列"]),
    ),
    "emoji_nbsp": Probe("INSERT INTO o SELECT\u00a0a FROM t WHERE b = '😀'", T_TO_O),
    "not_sql": Probe("these are just some words", NOTHING, "understand", "understand"),
    "python_code": Probe("def f(x):\n    return x['a']", NOTHING, "understand", "understand"),
    "nul_bytes": Probe("INSERT INTO o SELECT a FROM t WHERE b = 'x\x00y'", T_TO_O),
    "tsql_procedure": Probe(
        TSQL_PROCEDURE,
        _answer(
            ["dbo.orders"],
            ["dbo.orders_daily", "dbo.orders_log"],
            ["dbo.orders_daily.id dbo.orders.id", "dbo.orders_daily.amount dbo.orders.amount"],
        ),
        dialect="tsql",
    ),
    "plpgsql": Probe(PLPGSQL_FUNCTION, ORDERS, dialect="postgres"),
    "oracle_procedure": Probe(ORACLE_PROCEDURE, ORDERS, dialect="oracle"),
    "snowflake_script": Probe(SNOWFLAKE_SCRIPT, ORDERS, dialect="snowflake"),
    "snowflake_insert_all": Probe(
        INSERT_ALL, _answer(["t"], ["o1", "o2"], ["o1.a t.a", "o2.a t.a"]), dialect="snowflake"
    ),
    "union1000": Probe(
        _insert(" UNION ALL ".join(f"SELECT a FROM t{i}" for i in range(1000))),
        _answer((f"t{i}" for i in range(1000)), ["o"], (f"o.a t{i}.a" for i in range(1000))),
        LONG,
    ),
    "cte500": Probe(_ctes(500), T_TO_O_TWICE, LONG),
    "cte_fanout": Probe(_fanout(30), T_TO_O_TWICE),
    "or_chain_2000": Probe(
        _insert("SELECT a FROM t WHERE " + " OR ".join(f"a = {i}" for i in range(2000))), T_TO_O, LONG
    ),
    "concat_1000": Probe(
        _insert("SELECT " + " || ".join(f"a{i}" for i in range(1000)) + " AS a FROM t"),
        _answer(["t"], ["o"], (f"o.a t.a{i}" for i in range(1000))),
    ),
    "case_nest_200": Probe(
        _insert(f"SELECT {'CASE WHEN a = 1 THEN b ELSE ' * 200}b{' END' * 200} AS b FROM t"),
        _answer(["t"], ["o"], ["o.b t.b"]),
        DEEP,
    ),
    "flatten_unqualified": Probe(
        "SELECT value FROM t, LATERAL FLATTEN(input => items)",
        _answer(["t"], [], [".value t.items"]),
        dialect="snowflake",
    ),
    "script1000": Probe(
        "".join(
            f"INSERT INTO o{i} SELECT x.a, y.b FROM t{i} x JOIN u{i} y ON x.id = y.id;\n" for i in range(1000)
        ),
        _answer(
            (f"{name}{i}" for i in range(1000) for name in "tu"),
            (f"o{i}" for i in range(1000)),
            (f"o{i}.{edge}" for i in range(1000) for edge in (f"a t{i}.a", f"b u{i}.b")),
        ),
        LONG,
    ),
}
