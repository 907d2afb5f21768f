from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Lineage = Callable[..., Any]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "events"

pytestmark = pytest.mark.usefixtures("warehouse")


def parts(text: str) -> tuple[list[Any], list[Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    return [x["node"] for x in lines if "node" in x], [x["edge"] for x in lines if "edge" in x]


def test_the_whole_graph_is_written_as_json_lines(lineage: Lineage) -> None:
    """PV-26"""
    nodes, edges = parts(lineage("export").out)
    held = lineage("status", "--json").items["items"][0]

    ids = [node["id"] for node in nodes]
    assert len(ids) == len(set(ids)) == held["datasets"] + held["jobs"] + held["fields"]
    assert {edge["kind"] for edge in edges} == {"FEEDS", "FIELD", "READS", "WRITES", "USES"}
    assert {end for edge in edges for end in (edge["source"], edge["target"], *edge["jobs"])} <= set(ids)


def test_what_lies_around_a_name_is_written_in_both_directions(lineage: Lineage) -> None:
    nodes, edges = parts(lineage("export", "shop.mart.customer_orders", "--depth", "1").out)

    assert {node["name"] for node in nodes if node["type"] == "DATASET"} == {
        "shop.mart.customer_orders",
        "shop.raw.customers",
        "shop.raw.orders",
        "shop.mart.top",
    }
    assert len(nodes) == len({node["id"] for node in nodes})
    ids = {node["id"] for node in nodes}
    assert {end for edge in edges for end in (edge["source"], edge["target"])} <= ids


@pytest.mark.parametrize(("format_", "first"), [("dot", "digraph lineage {"), ("mermaid", "flowchart LR")])
def test_the_whole_graph_is_drawn_with_its_jobs(lineage: Lineage, format_: str, first: str) -> None:
    """PV-26"""
    lines = lineage("export", "--format", format_).out.splitlines()

    assert lines[0] == first
    assert (
        sum("anchor_shop.sql_fill" in line and "-->" not in line and "->" not in line for line in lines) == 1
    )


def test_events_are_exported_from_a_store_of_which_the_graph_is_damaged(lineage: Lineage) -> None:
    events = lineage("export", "--events").out
    path = Path(os.environ["LINEAGE_STORE"])
    of_graph = "SELECT rootpage FROM sqlite_master WHERE tbl_name IN ('edge', 'shape', 'node')"
    with closing(sqlite3.connect(path)) as db:
        pages = [page for (page,) in db.execute(of_graph)]
    damaged = bytearray(path.read_bytes())
    for page in pages:
        damaged[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(damaged)

    assert lineage("upstream", "shop.mart.customer_orders").code == 3
    assert lineage("export", "--events").out == events


def test_exported_events_make_the_same_store_elsewhere(lineage: Lineage, tmp_path: Path) -> None:
    """DD-20: what is kept here can be kept anywhere else."""
    events = lineage("export", "--format", "events").out
    other = tmp_path / "other.db"

    assert lineage("ingest", "-", "--store", other, input=events).code == 0

    received = sorted(json.dumps(json.loads(line), sort_keys=True) for line in events.splitlines())
    files = [FIXTURES / "airflow.jsonl", FIXTURES / "dbt.jsonl"]
    sent = [line for file in files for line in file.read_text("utf-8").splitlines()]
    assert received == sorted(json.dumps(json.loads(line), sort_keys=True) for line in sent)
    assert sorted(lineage("export", "--store", other).out.splitlines()) == sorted(
        lineage("export").out.splitlines()
    )
