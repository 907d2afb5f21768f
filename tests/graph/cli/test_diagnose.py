"""`lineage diagnose`: the tree and the suspects for people, the envelope for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from made_history import METRIC, with_cause
from referencing import Registry, Resource

from graph import open_store
from graph.ingest import derive, ingest
from graph.nodes import NodeType
from graph.queries import diagnose_metric

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures" / "events"
SCHEMAS = {
    name: json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("answer", "diagnosis")
}
AT = "2026-11-21T00:31:00Z"
Lineage = Callable[..., Any]


def checked(out: str) -> Any:
    """Return printed JSON, checked against the schema of diagnoses."""
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
    )
    value = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMAS["diagnosis"], registry=registry).validate(value)
    return value


@pytest.fixture
def shop(lineage: Lineage) -> None:
    """Put three days of Airflow, the last with a failed task, into the store of the test."""
    assert lineage("ingest", FIXTURES / "airflow_failed_task.jsonl").code == 0


@pytest.mark.usefixtures("shop")
def test_people_see_the_way_to_the_sources_with_the_suspect_marked(lineage: Lineage) -> None:
    """DD-15: written out, the failed task stands where it is on the way and again with its evidence."""
    said = lineage("diagnose", "gold.daily_revenue.orders", "--at", AT)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "shop.gold.daily_revenue.orders (field)"
    assert lines[1].startswith("shop.gold.daily_revenue  written 2026-11-21T00:30:19.570Z, 40.4 s ago, by ")
    (marked,) = [line for line in lines if "<1>" in line and "─" in line]
    assert marked.startswith("└─ shop.silver.orders <1>  written 2026-11-21T00:30:18.774Z")
    assert marked.endswith("by shop_daily.clean_orders (last run FAIL)")
    suspects = lines[lines.index("Suspects, the nearest first:") :]
    assert suspects[1] == "<1> failed run: shop.silver.orders (1 away), since 2026-11-21T00:30:45.902Z"
    assert (
        suspects[2]
        .strip()
        .startswith("shop_daily.clean_orders failed 2026-11-21T00:30:45.902Z: invalid input")
    )
    assert "so that: shop.gold.daily_revenue was not renewed since" in said.out
    assert any(
        line.lstrip("│ ").startswith("orders <- shop.silver.orders.order_id  DIRECT") for line in lines
    )


@pytest.mark.usefixtures("shop")
def test_people_see_what_is_not_known(lineage: Lineage) -> None:
    """DD-16: sources that nobody writes, rhythms that are too short, columns that nobody gave."""
    said = lineage("diagnose", "gold.daily_revenue", "--at", AT).out
    unknown = said[said.index("Not known:") :]
    assert "nothing in the store writes it, so its freshness is not known: " in unknown
    assert "its rhythm is not known (2 writes in the store): shop.gold.daily_revenue" in unknown
    assert "└─ /opt/airflow/landing/orders [file]  a source: nothing in the store writes it" in said


@pytest.mark.usefixtures("shop")
def test_programs_get_the_envelope_with_findings_and_facts(lineage: Lineage) -> None:
    said = checked(lineage("diagnose", "gold.daily_revenue.revenue", "--at", AT, "--json").out)
    assert said["query"] == {
        "question": "diagnose",
        "node": "datasetField:postgres://127.0.0.1:55432:shop.gold.daily_revenue:revenue",
        "at": "2026-11-21T00:31:00.000Z",
    }
    (finding,) = said["findings"]
    assert (finding["rank"], finding["kind"]) == (1, "failed_run")
    assert finding["node"] == "dataset:postgres://127.0.0.1:55432:shop.silver.orders"
    nodes = {node["id"]: node for node in said["nodes"]}
    assert nodes[finding["node"]]["facts"]["lastUpdate"] == "2026-11-21T00:30:18.774Z"
    assert nodes[finding["data"]["job"]]["facts"]["lastRun"]["state"] == "FAIL"
    assert said["downstream"] is None
    assert (said["incomplete"], said["next"]) == (False, None)


@pytest.mark.usefixtures("shop")
def test_of_a_job_it_says_what_depends_on_it(lineage: Lineage) -> None:
    said = checked(lineage("diagnose", "shop_daily.clean_orders", "--at", AT, "--json").out)
    tables = {each["name"]: each["lastUpdate"] for each in said["downstream"] if each["type"] == "DATASET"}
    assert tables == {
        "shop.gold.daily_revenue": "2026-11-21T00:30:19.570Z",
        "shop.gold.customer_totals": "2026-11-21T00:30:19.927Z",
        "shop.report.revenue_summary": "2026-11-21T00:30:20.312Z",
    }
    shown = lineage("diagnose", "shop_daily.clean_orders", "--at", AT).out
    assert "What depends on it:" in shown
    assert "2 dataset shop.report.revenue_summary direct, last written 2026-11-21T00:30:20.312Z" in shown


def test_where_nothing_depends_on_a_job_both_questions_say_why(lineage: Lineage) -> None:
    """The failing task and the failing test of the first captures: nothing is known downstream, and why."""
    assert lineage("ingest", FIXTURES / "airflow.jsonl", FIXTURES / "dbt.jsonl").code == 0
    task = "nothing is known downstream of anchor_shop.fails: none of its events names an output"
    assert task in lineage("diagnose", "anchor_shop.fails", "--at", AT).out
    assert checked(lineage("diagnose", "anchor_shop.fails", "--at", AT, "--json").out)["notes"] == [task]
    assert lineage("impact", "anchor_shop.fails").err == f"N{task[1:]}.\n"
    assert lineage("impact", "anchor_shop.fails", "--json").answer["notes"] == [task]
    test = "shop.main.shop.orders.build.test"
    table = f"nothing is known downstream of shop.main.orders: what reads it names no output ({test})"
    assert table in lineage("diagnose", test, "--at", AT).out
    assert lineage("impact", "shop.main.orders", "--json").answer["notes"] == [table]


@pytest.mark.parametrize(
    "kind", ["stale", "schema_change", "row_count", "duration", "failed_test", "code_change"]
)
def test_every_kind_of_finding_is_printed_and_fits_the_schema(lineage: Lineage, kind: str) -> None:
    history = with_cause(7, kind)
    bodies = history.bodies()
    assert lineage("ingest", "-", input=b"\n".join(bodies)).code == 0
    latest = json.loads(bodies[-1])["eventTime"]
    said = checked(lineage("diagnose", METRIC, "--at", latest, "--json").out)
    assert said["findings"][0]["kind"] == kind
    shown = lineage("diagnose", METRIC, "--at", latest).out
    assert f"<1> {kind.replace('_', ' ')}: shop.{history.causes[0].table} (" in shown


def test_a_healthy_metric_has_no_suspects(lineage: Lineage) -> None:
    bodies = with_cause(7, "stale").bodies()
    assert lineage("ingest", "-", input=b"\n".join(bodies)).code == 0
    # Long before the loader stopped.
    said = lineage("diagnose", METRIC, "--at", json.loads(bodies[len(bodies) // 2])["eventTime"])
    assert said.code == 0
    assert "No suspects: nothing that is known on the way failed, is late or has changed." in said.out


@pytest.mark.parametrize("name", ["airflow", "airflow_failed_task", "dbt", "dbt_failed_test"])
def test_everything_in_the_captures_can_be_asked_about(name: str) -> None:
    """Each dataset, field and job gives an answer that fits the schema."""
    with closing(open_store(":memory:")) as store:
        assert ingest(store, (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()).rejected == 0
        derive(store)
        nodes = store.all_nodes(list(NodeType), limit=10_000)
        assert len(nodes) > 20
        for _, node in nodes:
            checked(json.dumps(diagnose_metric(store, node).as_json(), allow_nan=False))


@pytest.mark.usefixtures("shop")
def test_by_default_ages_are_counted_to_the_present(lineage: Lineage) -> None:
    before = datetime.now(UTC)
    said = checked(lineage("diagnose", "gold.daily_revenue", "--json").out)
    at = datetime.fromisoformat(said["query"]["at"])
    assert abs((at - before).total_seconds()) < 60


@pytest.mark.usefixtures("shop")
def test_a_wrong_time_or_name_is_told(lineage: Lineage) -> None:
    wrong = lineage("diagnose", "gold.daily_revenue", "--as-of", "yesterday")
    assert wrong.code == 2
    assert "'yesterday' is no time: give 2026-01-31T12:00:00Z" in " ".join(wrong.err.split())
    unknown = lineage("diagnose", "gold.daily_revenues")
    assert unknown.code == 2
    assert "daily_revenue" in unknown.err
