"""`lineage history`, the versions and parents in `lineage runs`, and what is told of dropped datasets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from made_events import NAMESPACE, dataset, run_event, run_id, schema

Lineage = Callable[..., Any]


def change(state: str, **facets: Any) -> dict[str, Any]:
    return dataset("orders", lifecycleStateChange={"lifecycleStateChange": state}, **facets)


def moved() -> dict[str, Any]:
    previous = {"namespace": NAMESPACE, "name": "orders"}
    told = {"lifecycleStateChange": "RENAME", "previousIdentifier": previous}
    return dataset("sales", lifecycleStateChange=told)


def wrote(run: str, time: int, target: Any, **keys: Any) -> dict[str, Any]:
    return run_event(run, "COMPLETE", time, job="load", inputs=["raw"], outputs=[target], **keys)


EVENTS = [
    run_event("dag", "START", 0, job="dag"),
    wrote("1", 1, change("CREATE", schema=schema("id")), parent="dag"),
    wrote("2", 2, change("ALTER", schema=schema("id", "total"))),
    wrote("3", 3, change("TRUNCATE")),
    wrote("4", 4, change("OVERWRITE", version={"datasetVersion": "s4"}), parent="dag"),
    run_event("r", "COMPLETE", 5, job="report", inputs=["orders"], outputs=["board"]),
]


@pytest.fixture
def told(lineage: Lineage) -> Lineage:
    assert take(lineage, *EVENTS) == 0
    return lineage


def take(lineage: Lineage, *events: dict[str, Any]) -> Any:
    return lineage("ingest", "-", input=b"\n".join(json.dumps(one).encode() for one in events)).code


def test_the_history_of_a_dataset_tells_what_was_done_to_it(told: Lineage) -> None:
    items = told("history", "orders", "--json").items["items"]
    assert [(each["lifecycle"], each["changes"]) for each in items] == [
        ("OVERWRITE", []),
        ("TRUNCATE", []),
        ("ALTER", ["add total"]),
        ("CREATE", None),
    ]
    assert items[0]["producerVersion"] == "s4"
    assert items[0]["job"] == "job:ns:load"
    assert [each["runId"] for each in items] == [run_id(name) for name in "4321"]
    shown = told("history", "orders").out
    assert "alter" in shown
    assert "add total" in shown
    first = told("history", "orders", "--limit", "3", "--json").items
    rest = told("history", "orders", "--cursor", first["next"], "--json").items
    assert first["items"] + rest["items"] == items
    assert rest["next"] is None


def test_a_new_name_goes_with_the_history(told: Lineage) -> None:
    take(told, wrote("5", 6, moved()))
    items = told("history", "sales", "--json").items["items"]
    assert [each["lifecycle"] for each in items[:2]] == ["RENAME", "OVERWRITE"]
    assert items[0]["previous"] == "dataset:ns:orders"
    assert "rename from orders" in told("history", "sales").out


def test_the_history_of_a_job_tells_what_it_read_and_wrote(told: Lineage) -> None:
    take(told, wrote("6", 9, "elsewhere"))
    latest, first = told("history", "load", "--json").items["items"]
    assert (latest["outputs"], first["outputs"]) == (["dataset:ns:elsewhere"], ["dataset:ns:orders"])
    assert (first["first"], first["last"]) == ("2026-01-01T00:00:01.000Z", "2026-01-01T00:00:04.000Z")
    assert first["runId"] == run_id("4")
    assert "elsewhere" in told("history", "load").out


def test_history_as_of_a_time_ends_there(told: Lineage) -> None:
    found = told("history", "orders", "--as-of", "2026-01-01T00:00:02Z", "--json").items
    assert [each["lifecycle"] for each in found["items"]] == ["ALTER", "CREATE"]
    assert found["query"]["asOf"] == "2026-01-01T00:00:02.000Z"


def test_runs_tell_which_versions_they_used(told: Lineage) -> None:
    (report,) = told("runs", "report", "--versions", "--json").items["items"]
    (used,) = report["inputs"]
    assert (used["dataset"], used["producerVersion"], used["runId"]) == (
        "dataset:ns:orders",
        None,
        run_id("4"),
    )
    versions = told("history", "orders", "--json").items["items"]
    assert used["version"] == versions[0]["version"]
    assert "inputs" not in told("runs", "report", "--json").items["items"][0]
    assert "orders@s4" in told("runs", "load", "--versions").out


def test_runs_tell_what_stands_above_them_and_under_them(told: Lineage) -> None:
    latest = told("runs", "load", "--json").items["items"][0]
    assert latest["above"] == [{"runId": run_id("dag"), "job": "job:ns:dag", "state": "RUNNING"}]
    assert "dag" in told("runs", "load").out
    under = told("runs", "--under", run_id("dag"), "--json").items
    assert [each["runId"] for each in under["items"]] == [run_id("1"), run_id("4")]
    assert under["query"]["under"] == run_id("dag")
    first = told("runs", "--under", run_id("dag"), "--limit", "1", "--json").items
    rest = told("runs", "--under", run_id("dag"), "--cursor", first["next"], "--json").items
    assert first["items"] + rest["items"] == under["items"]
    assert told("runs", "--under", "nobody").code == 2
    assert told("runs", "load", "--under", run_id("dag")).code == 2


def test_what_is_dropped_is_told_as_dropped(told: Lineage) -> None:
    """In answers, in drawings, in searches; until somebody writes it again."""
    take(told, run_event("d", "COMPLETE", 7, job="drop", outputs=[change("DROP")]))
    at = "2026-01-01T00:00:07.000Z"
    for question in (["downstream", "raw"], ["upstream", "board"], ["impact", "raw"]):
        nodes = {node["name"]: node for node in told(*question, "--json").answer["nodes"]}
        assert nodes["orders"]["droppedAt"] == at, question
        assert not any("droppedAt" in node for name, node in nodes.items() if name != "orders")
        assert at in told(*question).out
        assert "orders #40;dropped#41;" in told(*question, "--format", "mermaid").out
        assert "orders (dropped)" in told(*question, "--format", "dot").out
    fields = told("upstream", "orders.total", "--json").answer["nodes"]
    assert {node["droppedAt"] for node in fields if node["type"] == "FIELD"} == {at}
    (hit,) = told("search", "orders", "--json").items["items"]
    assert hit["droppedAt"] == at
    assert at in told("search", "orders").out
    assert told("history", "orders", "--json").items["items"][0]["lifecycle"] == "DROP"
    before = told("downstream", "raw", "--as-of", "2026-01-01T00:00:06Z", "--json").answer["nodes"]
    assert not any("droppedAt" in node for node in before)
    take(told, wrote("7", 8, "orders"))
    assert "dropped" not in told("downstream", "raw").out
    assert "droppedAt" not in told("search", "orders", "--json").items["items"][0]
