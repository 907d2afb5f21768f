"""`lineage sql`: the tree, JSON, Mermaid, and the files with known columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Lineage = Callable[..., Any]

STATEMENTS = """
INSERT INTO gold.revenue SELECT o.day, SUM(o.amount) AS total
FROM silver.orders o WHERE o.paid GROUP BY o.day;
SELEC nonsense FROM;
"""

SCRIPT = """
CREATE TEMPORARY TABLE large AS SELECT id, amount FROM raw.orders WHERE amount > 100;
INSERT INTO gold.large_orders (id, amount) SELECT id, round(amount) FROM large;
"""

STAR = "INSERT INTO gold.everything SELECT * FROM shop.orders"


def test_sql_is_shown_as_a_tree(lineage: Lineage, tmp_path: Path) -> None:
    """DD-11: tables and columns of an INSERT..SELECT."""
    file = tmp_path / "revenue.sql"
    file.write_text(STATEMENTS, encoding="utf-8")

    said = lineage("sql", file)

    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[:11] == [
        "1. INSERT",
        "   reads   silver.orders",
        "   writes  gold.revenue",
        "   rows of gold.revenue",
        "     <~ silver.orders.paid (FILTER)",
        "     <~ silver.orders.day (GROUP_BY)",
        "   gold.revenue.day",
        "     <- silver.orders.day (IDENTITY)",
        "   gold.revenue.total  = SUM(o.amount)",
        "     <- silver.orders.amount (AGGREGATION)",
        "2. UNKNOWN (in doubt)",
    ]
    assert len(lines) > 13
    assert all(line.startswith("   ! ") for line in lines[13:])


def test_what_is_a_columns_own_stands_below_it(lineage: Lineage) -> None:
    query = "SELECT md5(a) AS hash, CASE WHEN b THEN c END AS c FROM t WHERE d"

    lines = lineage("sql", "-", input=query).out.splitlines()

    assert lines[3:] == [
        "   rows of the result",
        "     <~ t.d (FILTER)",
        "   hash  = MD5(a)",
        "     <- t.a (TRANSFORMATION, masking)",
        "   c  = CASE WHEN b THEN c END",
        "     <- t.c (TRANSFORMATION)",
        "     <~ t.b (CONDITIONAL)",
    ]


def test_a_script_is_shown_again_without_its_temporary_tables(lineage: Lineage) -> None:
    lines = lineage("sql", "-", "--dialect", "postgres", input=SCRIPT).out.splitlines()

    assert "   writes  large" in lines
    assert lines[lines.index("Without the temporary tables:") + 1 :] == [
        "- INSERT",
        "   reads   raw.orders",
        "   writes  gold.large_orders",
        "   rows of gold.large_orders",
        "     <~ raw.orders.amount (FILTER)",
        "   gold.large_orders.id",
        "     <- raw.orders.id (IDENTITY)",
        "   gold.large_orders.amount  = ROUND(amount)",
        "     <- raw.orders.amount (TRANSFORMATION)",
    ]


def test_sql_is_given_as_json_from_standard_input(lineage: Lineage) -> None:
    """DD-11: the same for programs."""
    said = lineage("sql", "-", "--dialect", "postgres", "--json", input=STATEMENTS).items

    (item,) = said["items"]
    insert = item["statements"][0]
    assert said["query"]["dialect"] == item["dialect"] == "postgres"
    assert insert["inputs"] == [{"namespace": None, "name": "silver.orders", "isPath": False}]
    assert [table["name"] for table in insert["outputs"]] == ["gold.revenue"]
    (total,) = [column for column in insert["columns"] if column["column"] == "total"]
    assert {
        "table": "silver.orders",
        "column": "amount",
        "type": "DIRECT",
        "subtype": "AGGREGATION",
        "masking": False,
    } in total["inputs"]
    assert item["problems"]
    assert all(problem.startswith("statement 2: ") for problem in item["problems"])


def test_json_has_the_statements_as_written_and_collapsed(lineage: Lineage) -> None:
    (item,) = lineage("sql", "-", "--dialect", "postgres", "--json", input=SCRIPT).items["items"]

    assert [statement["kind"] for statement in item["statements"]] == ["CREATE TABLE AS", "INSERT"]
    assert item["statements"][0]["temporary"] == ["large"]
    (collapsed,) = item["collapsed"]
    assert [table["name"] for table in collapsed["inputs"]] == ["raw.orders"]


def test_tables_have_the_namespace_that_is_given_and_files_their_own(lineage: Lineage) -> None:
    query = "INSERT INTO t SELECT a FROM read_parquet('s3://lake/raw/a.parquet')"
    options = ("--dialect", "duckdb", "--default-namespace", "duckdb:///shop.db")

    (item,) = lineage("sql", "-", *options, "--json", input=query).items["items"]

    (statement,) = item["statements"]
    assert statement["outputs"] == [{"namespace": "duckdb:///shop.db", "name": "t", "isPath": False}]
    assert [(table["namespace"], table["isPath"]) for table in statement["inputs"]] == [("s3://lake", True)]
    assert "writes  t in duckdb:///shop.db" in lineage("sql", "-", *options, input=query).out


def test_sql_is_drawn_for_mermaid(lineage: Lineage) -> None:
    said = lineage("sql", "-", "--mermaid", input=STATEMENTS)

    assert said.out.splitlines() == [
        "flowchart LR",
        '  subgraph d0["silver.orders"]',
        '    n0("day")',
        '    n2("amount")',
        '    n4("paid")',
        "  end",
        '  subgraph d1["gold.revenue"]',
        '    n5[("gold.revenue")]',
        '    n1("day")',
        '    n3("total")',
        "  end",
        '  n0 -->|"IDENTITY"| n1',
        '  n2 -->|"AGGREGATION"| n3',
        '  n4 -.->|"FILTER"| n5',
        '  n0 -.->|"GROUP_BY"| n5',
    ]
    assert said.err.startswith("! statement 2: ")


def test_a_drawing_has_the_tables_whose_columns_are_not_told(lineage: Lineage) -> None:
    lines = lineage("sql", "-", "--mermaid", input="INSERT INTO counts SELECT count(*) FROM orders").out

    assert re.findall(r'(n\d)\[\("(\w+)"\)\]', lines) == [("n0", "orders"), ("n1", "counts")]
    assert "  n0 --> n1" in lines.splitlines()


def test_confirmed_edges_are_marked(lineage: Lineage) -> None:
    query = "INSERT INTO gold.orders SELECT o.id FROM silver.orders o"

    lines = lineage("sql", "-", "--confirm", input=query).out.splitlines()
    (item,) = lineage("sql", "-", "--confirm", "--json", input=query).items["items"]

    assert lines[1] == "   reads   silver.orders [agreed]"
    assert lines[-1] == "     <- silver.orders.id (IDENTITY) [agreed]"
    (statement,) = item["statements"]
    assert statement["inputs"][0]["confirmed"] is True
    assert statement["columns"][0]["inputs"][0]["confirmed"] is True


def test_a_drawing_or_json_but_not_both(lineage: Lineage) -> None:
    assert lineage("sql", "-", "--json", "--mermaid", input="SELECT 1").code == 2


@pytest.mark.parametrize("query", ["SELEC nonsense FROM", "((((", "SELECT {{ x }} FROM"])
def test_sql_of_which_nothing_is_understood_fails(lineage: Lineage, query: str) -> None:
    said = lineage("sql", "-", input=query)

    assert said.code == 1
    assert "! " in said.out
    assert lineage("sql", "-", "--json", input=query).code == 1


@pytest.mark.parametrize("query", ["", "-- nothing\n", "SELECT 1", "SELECT a FROM t; SELEC nonsense FROM"])
def test_sql_of_which_something_or_nothing_is_there_succeeds(lineage: Lineage, query: str) -> None:
    assert lineage("sql", "-", input=query).code == 0


def test_sql_that_cannot_be_read_is_named(lineage: Lineage, tmp_path: Path) -> None:
    binary = tmp_path / "binary.sql"
    binary.write_bytes(b"SELECT \xff")
    for file in (tmp_path / "missing.sql", tmp_path, binary):
        said = lineage("sql", file)
        assert (said.code, said.out) == (2, "")
        assert str(file) in said.err


def artifact(kind: str, **parts: Any) -> dict[str, Any]:
    version = {"manifest": "v12", "catalog": "v1", "run-results": "v6"}[kind]
    return {
        "metadata": {"dbt_schema_version": f"https://schemas.getdbt.com/dbt/{kind}/{version}.json"},
        **parts,
    }


MANIFEST = artifact(
    "manifest",
    nodes={
        "model.shop.stg": {
            "resource_type": "model",
            "database": "wh",
            "schema": "shop",
            "name": "stg_orders",
            "alias": "orders",
            "columns": {"id": {"name": "id", "data_type": "integer"}, "day": {"name": "day"}},
        },
        "test.shop.unique": {"resource_type": "test", "schema": "audit", "name": "orders", "columns": {}},
    },
    sources={
        "source.shop.raw": {
            "resource_type": "source",
            "database": None,
            "schema": "raw",
            "name": "payments",
            "identifier": "pay",
            "columns": {"amount": {"name": "amount"}},
        }
    },
)

CATALOG = artifact(
    "catalog",
    nodes={
        "model.shop.stg": {
            "metadata": {"type": "TABLE", "database": "WH", "schema": "SHOP", "name": "ORDERS"},
            "columns": {
                "AMOUNT": {"type": "NUMBER", "index": 3, "name": "AMOUNT"},
                "ID": {"type": "NUMBER", "index": 1, "name": "ID"},
                "DAY": {"type": "DATE", "index": 2, "name": "DAY"},
            },
        }
    },
    sources={},
)


def columns_of_star(lineage: Lineage, *files: Path, query: str = STAR) -> list[str]:
    options = [option for file in files for option in ("--schema", str(file))]
    (item,) = lineage("sql", "-", "--json", *options, input=query).items["items"]
    return [column["column"] for column in item["statements"][0]["columns"]]


def file_of(folder: Path, name: str, content: Mapping[str, Any] | str) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ({"shop.orders": {"id": "int", "day": "date"}}, ["id", "day"]),
        ({"orders": ["id", "day"]}, ["id", "day"]),
        ({"shop.orders": {"id": None}}, ["id"]),
        ("shop.orders:\n  id: int\n  day: date\n", ["id", "day"]),
        ("shop.orders: [id, day]\n# others\nshop.other: [a]\n", ["id", "day"]),
        ("{shop.orders: [id, day]}", ["id", "day"]),
        ({"metadata": {"a": "int"}, "shop.orders": ["id"]}, ["id"]),
        (MANIFEST, ["id", "day"]),
        (CATALOG, ["ID", "DAY", "AMOUNT"]),
        ("{}", ["*"]),
    ],
    ids=str,
)
def test_known_columns_settle_a_star(
    lineage: Lineage, tmp_path: Path, content: Mapping[str, Any] | str, columns: list[str]
) -> None:
    assert columns_of_star(lineage, file_of(tmp_path, "whatever.txt", content)) == columns


def test_a_source_is_known_by_its_name_in_the_database(lineage: Lineage, tmp_path: Path) -> None:
    manifest = file_of(tmp_path, "manifest.json", MANIFEST)

    assert columns_of_star(lineage, manifest, query="INSERT INTO t SELECT * FROM raw.pay") == ["amount"]


def test_a_catalog_outdoes_a_manifest_and_later_files_earlier_ones(lineage: Lineage, tmp_path: Path) -> None:
    manifest = file_of(tmp_path, "manifest.json", MANIFEST)
    catalog = file_of(tmp_path, "catalog.json", CATALOG)
    one = file_of(tmp_path, "one.json", {"wh.shop.orders": ["x"], "raw.pay": ["y"]})
    two = file_of(tmp_path, "two.yml", "wh.shop.orders: [z]\n")

    assert columns_of_star(lineage, manifest, catalog) == ["ID", "DAY", "AMOUNT"]
    assert columns_of_star(lineage, catalog, manifest) == ["ID", "DAY", "AMOUNT"]
    assert columns_of_star(lineage, one, two) == ["z"]
    assert columns_of_star(lineage, two, one) == ["x"]


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("{broken", "no JSON (line 1, column 2"),
        ("a: b: c", "neither JSON nor YAML (line 1, column 5)"),
        ("", "it is empty"),
        ("[1, 2]", "a list, not a mapping"),
        ("just words", "a str, not a mapping"),
        ({"t": "id"}, "the columns of t are 'id'"),
        ({"t": 7}, "the columns of t are 7"),
        ({"t": ["a", 1]}, "the column 1 of t is no name"),
        ("t: [a, no]", "the column False of t is no name: write it in quotes"),
        ("2024: [a]", "2024 is no name of a table"),
        ({"t": {"a": 1}}, "the type of t.a is 1"),
        ({"shop": {"orders": {"id": "int"}}}, "the type of shop.orders is {'id': 'int'}"),
        (artifact("run-results"), "dbt's run-results tells no columns"),
        (artifact("manifest", nodes=[]), "its nodes are no mapping"),
        (artifact("catalog", nodes={"a": 1}), "its entry a is no mapping"),
        (artifact("catalog", nodes={"a": {"columns": {"b": {}}}}), "has no metadata"),
        ("[" * 100_000, "nested too deep"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_file_with_no_known_columns_is_named_with_what_is_taken(
    lineage: Lineage, tmp_path: Path, content: Mapping[str, Any] | str, wrong: str
) -> None:
    path = file_of(tmp_path, "known.yml", content)

    said = lineage("sql", "-", "--schema", path, input=STAR)

    assert (said.code, said.out) == (2, "")
    assert str(path) in said.err
    assert wrong in said.err
    assert "{table: {column: type}}" in said.err
    assert "catalog.json" in said.err


def test_a_file_with_known_columns_that_cannot_be_read_is_named(lineage: Lineage, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        said = lineage("sql", "-", "--schema", path, input=STAR)
        assert (said.code, said.out) == (2, "")
        assert str(path) in said.err


def test_the_default_schema_settles_which_table_is_meant(lineage: Lineage, tmp_path: Path) -> None:
    known = file_of(tmp_path, "known.json", {"a.orders": ["x"], "b.orders": ["y"]})
    query = "INSERT INTO t SELECT * FROM orders"

    assert columns_of_star(lineage, known, query=query) == ["*"]
    options = ("--schema", known, "--default-schema", "b", "--json")
    (item,) = lineage("sql", "-", *options, input=query).items["items"]
    assert [column["column"] for column in item["statements"][0]["columns"]] == ["y"]
