from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Lineage = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("warehouse")

POSTGRES = "postgres://127.0.0.1:55432"


def test_upstream_prints_a_node_a_row(lineage: Lineage) -> None:
    said = lineage("upstream", "shop.mart.top", "--depth", "1")

    rows = [re.split(r"  +", line) for line in said.out.splitlines()]
    assert rows == [
        ["distance", "type", "name", "via", "above", "namespace"],
        ["0", "dataset", "shop.mart.top", POSTGRES],
        ["1", "dataset", "shop.mart.customer_orders", "shop.mart.top", POSTGRES],
        [
            "1",
            "job",
            "anchor_shop.hook_sql.query.1",
            "anchor_shop.hook_sql < anchor_shop",
            "anchor-airflow",
        ],
    ]
    assert (said.err, said.code) == ("", 0)


def test_impact_names_the_child_and_shows_its_task_and_dag(lineage: Lineage) -> None:
    answer = lineage("impact", "shop.mart.customer_orders", "--json").answer

    jobs = {node["name"]: node for node in answer["nodes"] if node["type"] == "JOB"}
    assert jobs["anchor_shop.hook_sql.query.1"]["parent"] == "job:anchor-airflow:anchor_shop.hook_sql"
    assert jobs["anchor_shop.hook_sql.query.1"]["root"] == "job:anchor-airflow:anchor_shop"


@pytest.mark.parametrize(
    "name",
    [
        [f"dataset:{POSTGRES}:shop.raw.customers"],
        ["shop.raw.customers"],
        ["raw.customers"],
        [POSTGRES, "shop.raw.customers"],
        ["postgresql://user:secret@127.0.0.1:55432/shop/raw.customers"],
    ],
    ids=str,
)
def test_a_name_can_be_given_in_every_way(lineage: Lineage, name: list[str]) -> None:
    answer = lineage("downstream", *name, "--json").answer

    assert answer["query"]["node"] == f"dataset:{POSTGRES}:shop.raw.customers"
    assert f"dataset:{POSTGRES}:shop.mart.top" in {node["id"] for node in answer["nodes"]}


def test_pages_follow_the_cursor(lineage: Lineage) -> None:
    whole = lineage("impact", "raw.customers", "--json").answer
    nodes, edges, cursor = [], [], []
    for _ in whole["nodes"]:
        page = lineage("impact", "raw.customers", "--json", "--limit", "3", *cursor).answer
        nodes += page["nodes"]
        edges += page["edges"]
        assert len(page["nodes"]) <= 3
        if page["next"] is None:
            break
        cursor = ["--cursor", page["next"]]

    assert nodes == whole["nodes"]
    assert edges == whole["edges"]
    said = lineage("impact", "raw.customers", "--limit", "3")
    assert re.fullmatch(r"There is more: --cursor \S+\n", said.err)


def test_an_ambiguous_name_ends_with_2_and_the_candidates(lineage: Lineage) -> None:
    said = lineage("upstream", "orders")

    assert (said.code, said.out) == (2, "")
    assert "dataset:duckdb:///srv/shop/shop.duckdb:shop.main.orders" in said.err
    assert f"dataset:{POSTGRES}:shop.raw.orders" in said.err


def test_an_unknown_name_ends_with_2_and_near_ones(lineage: Lineage) -> None:
    said = lineage("impact", "shop.raw.custommers")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("lineage: nothing in the store is called 'shop.raw.custommers'. Did you mean ")
    assert "shop.raw.customers" in said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["upstream"], "Missing argument"),
        (["upstream", "a", "b", "c"], "NAMESPACE NAME"),
        (["upstream", "raw.customers", "--depth", "0"], "--depth"),
        (["upstream", "raw.customers", "--limit", "none"], "--limit"),
        (["upstream", "raw.customers", "--cursor", "x"], "is no cursor"),
        (["upstream", "raw.customers", "--format", "svg"], "--format"),
        (["export", "raw.customers", "--format", "events"], "leave the name out"),
        (["export", "--depth", "2"], "give one"),
        (["runs", "raw.customers"], "nothing in the store is called"),
        (["nonsense", "x"], "No such command"),
    ],
    ids=str,
)
def test_wrong_usage_ends_with_2_and_says_what(lineage: Lineage, arguments: list[str], said: str) -> None:
    done = lineage(*arguments)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", [["upstream", "x"], ["runs"], ["export"], ["path", "x", "y"]], ids=str)
def test_a_store_that_cannot_be_reached_ends_with_3(
    lineage: Lineage, tmp_path: Path, command: list[str]
) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("these are notes, " * 100, encoding="utf-8")

    missing = lineage(*command, "--store", tmp_path / "none.db")
    assert missing.code == 3
    assert f"{tmp_path / 'none.db'}: there is no such file" in missing.err
    assert not (tmp_path / "none.db").exists()
    for place in (other, tmp_path):
        said = lineage(*command, "--store", place)
        assert (said.code, said.out) == (3, "")
        assert str(place) in said.err
    assert other.read_text(encoding="utf-8").startswith("these are notes")


def test_a_damaged_store_ends_with_3(lineage: Lineage, tmp_path: Path) -> None:
    damaged = tmp_path / "lineage.db"
    assert lineage("ingest", "-", "--store", damaged, input="").code == 0
    with closing(sqlite3.connect(damaged)) as db, db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(damaged.read_bytes())
    content[4096:] = b"\x5a" * len(content[4096:])
    damaged.write_bytes(content)

    said = lineage("upstream", "x", "--store", damaged)

    assert said.code == 3
    assert "Traceback" not in said.err


def test_a_path_is_shown_with_its_jobs(lineage: Lineage) -> None:
    said = lineage("path", "raw/customers.csv", "shop.mart.top")

    assert said.code == 0
    assert said.out.splitlines() == [
        "raw/customers.csv",
        "  | anchor_shop.python_plain",
        f"shop.raw.customers [{POSTGRES}]",
        "  | anchor_shop.sql_fill",
        f"shop.mart.customer_orders [{POSTGRES}]",
        "  | anchor_shop.hook_sql.query.1",
        f"shop.mart.top [{POSTGRES}]",
    ]


def test_no_path_ends_with_1_and_says_whether_there_is_one_back(lineage: Lineage) -> None:
    said = lineage("path", "shop.mart.top", "raw/customers.csv")
    assert (said.code, said.out) == (1, "")
    assert "lineage path raw/customers.csv shop.mart.top" in said.err

    said = lineage("path", "raw/customers.csv", "shop.snap.cust_snap", "--json")
    assert said.code == 1
    assert (said.answer["nodes"], said.answer["edges"]) == ([], [])
    assert "the other way" not in said.err


def test_drawings_hold_the_whole_answer(lineage: Lineage) -> None:
    mermaid = lineage("upstream", "shop.mart.top", "--format", "mermaid", "--limit", "1").out.splitlines()
    assert mermaid[0] == "flowchart LR"
    assert sum("[(" in line for line in mermaid) == 5
    assert any('-->|"anchor_shop.sql_fill"|' in line for line in mermaid)

    dot = lineage("upstream", "shop.mart.top", "--format", "dot").out
    assert dot.startswith("digraph lineage {")
    assert f'"dataset:{POSTGRES}:shop.raw.orders" -> "dataset:{POSTGRES}:shop.mart.customer_orders"' in dot


def test_columns_tell_how_a_field_is_made(lineage: Lineage) -> None:
    said = lineage("columns", "customer_orders.total")

    rows = [re.split(r"  +", line) for line in said.out.splitlines()]
    assert ["shop.mart.customer_orders.total", "shop.raw.orders.amount"] in [row[:2] for row in rows]
    assert "DIRECT AGGREGATION" in said.out

    top = lineage("columns", "shop.mart.top.total", "--all", "--json").answer
    assert f"datasetField:{POSTGRES}:shop.raw.orders:amount" in {node["id"] for node in top["nodes"]}
    assert top["query"]["depth"] is None


def test_an_answer_given_before_all_sql_was_read_says_so(
    lineage: Lineage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurry:
        hurry.setattr("graph.cli._store.SECONDS", 0.0)
        said = lineage("columns", "customer_orders")
        assert "Incomplete" in said.err
        assert lineage("columns", "customer_orders", "--json").answer["incomplete"] is True

    assert lineage("columns", "customer_orders", "--json").answer["incomplete"] is False


def test_columns_say_whether_the_facet_or_the_sql_is_trusted(lineage: Lineage) -> None:
    """Airflow's facet numbers the columns that the statement names."""
    said = lineage("columns", "customer_orders")
    assert "_0" not in said.out
    assert "the SQL is trusted, not the columnLineage facet, which says otherwise" in said.err
    assert "--origins" in said.err

    both = lineage("columns", "customer_orders", "--origins")
    assert "columnLineage facet: not trusted" in both.out
    assert "--origins" not in both.err

    answer = lineage("columns", "customer_orders", "--origins", "--json").answer
    targets: dict[bool, set[str]] = {True: set(), False: set()}
    for edge in answer["edges"]:
        targets[edge.get("trusted", True)].add(edge["target"].rpartition(":")[2])
        assert edge["origins"] == (["SQL"] if edge.get("trusted", True) else ["COLUMN_LINEAGE_FACET"])
    numbered = {"id", "_0", "_1", "_2"}
    assert targets == {True: {"customer_id", "full_name", "n_orders", "total"}, False: numbered}
    assert len(answer["notes"]) == 1


def test_impact_tells_how_each_field_is_made(lineage: Lineage) -> None:
    said = lineage("impact", "shop.raw.orders.amount")
    assert "how" in said.out.splitlines()[0]
    assert "DIRECT AGGREGATION SUM(o.amount)" in said.out

    edges = lineage("impact", "shop.raw.orders.amount", "--json").answer["edges"]
    how = [each for edge in edges if edge["kind"] == "FIELD" for each in edge["transformations"]]
    assert {"type": "DIRECT", "subtype": "AGGREGATION", "description": "SUM(o.amount)"} in how
