"""The demo, as a user runs it: its answers, worked out by hand from its pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LINEAGE = str(Path(sys.executable).with_name("lineage"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "shop"


@pytest.fixture(scope="module")
def told(home: Path) -> str:
    command = [LINEAGE, "demo", "--folder", str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def ask(home: Path, *command: str) -> dict[str, Any]:
    environment = {
        **os.environ,
        "LINEAGE_STORE": str(home / "lineage.db"),
        "LINEAGE_OUTBOX": str(home / "outbox"),
    }
    run = subprocess.run(
        [LINEAGE, *command, "--json"], env=environment, capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def of_type(answer: dict[str, Any], kind: str) -> dict[str, int]:
    found = {}
    for node in answer["nodes"]:
        if node["type"] == kind:
            name = Path(node["name"]).name if node["namespace"] == "file" else node["name"]
            found[f"{name}.{node['field']}" if kind == "FIELD" else name] = node["distance"]
    return found


def test_it_answers_its_five_questions(told: str) -> None:
    """DD-08: scripts outside any scheduler get their lineage from the decorator alone."""
    questions = [line for line in told.splitlines() if line.startswith("$ lineage")]
    assert questions == [
        "$ lineage upstream gold.daily_revenue",
        "$ lineage columns gold.daily_revenue.revenue",
        "$ lineage impact silver.orders.amount",
        "$ lineage runs --state FAIL",
        "$ lineage downstream pipeline.clean_orders",
    ]
    assert "ConversionException" in told
    assert "export LINEAGE_STORE" in told


def test_what_feeds_daily_revenue(told: str, home: Path) -> None:
    answer = ask(home, "upstream", "gold.daily_revenue")

    assert of_type(answer, "DATASET") == {
        "shop.gold.daily_revenue": 0,
        "shop.silver.customers": 1,
        "shop.silver.orders": 1,
        "2026-01-01.parquet": 2,
    }
    assert of_type(answer, "JOB") == {
        "pipeline.add_up_revenue": 1,
        "pipeline.clean_orders": 2,
        "pipeline.land_orders": 3,
    }
    assert answer["incomplete"] is False


def test_how_the_revenue_is_made(told: str, home: Path) -> None:
    edges = ask(home, "columns", "gold.daily_revenue.revenue")["edges"]

    made = {edge["source"].rpartition("shop.")[2]: edge["transformations"] for edge in edges}
    assert made == {
        "silver.orders:amount": [
            {"type": "DIRECT", "subtype": "AGGREGATION", "description": "SUM(o.amount)"}
        ],
        "silver.orders:customer_id": [{"type": "INDIRECT", "subtype": "JOIN"}],
        "silver.customers:customer_id": [{"type": "INDIRECT", "subtype": "JOIN"}],
        "silver.orders:ordered_on": [{"type": "INDIRECT", "subtype": "GROUP_BY"}],
        "silver.customers:country": [{"type": "INDIRECT", "subtype": "GROUP_BY"}],
    }
    assert {tuple(edge["origins"]) for edge in edges} == {("SQL",)}
    assert (
        "DIRECT AGGREGATION SUM(o.amount)" in told.partition("lineage columns")[2].partition("$ lineage")[0]
    )


def test_what_breaks_without_the_amount(told: str, home: Path) -> None:
    answer = ask(home, "impact", "silver.orders.amount")

    impacts = {(node["name"], node.get("field")): node.get("impact") for node in answer["nodes"]}
    assert impacts[("shop.gold.daily_revenue", "revenue")] == "direct"
    assert impacts[("shop.gold.top_customers", "spent")] == "direct"
    assert impacts[("shop.gold.top_customers", "name")] == "indirect"
    assert impacts[("revenue", None)] == "unknown"
    assert ("shop.gold.daily_revenue", "country") not in impacts
    assert ("shop.gold.daily_revenue", "day") not in impacts
    dashboards = [node["name"] for node in answer["nodes"] if node.get("datasetType") == "DASHBOARD"]
    assert dashboards == ["revenue"]


def test_which_run_failed_and_why_without_its_data(told: str, home: Path) -> None:
    failed = ask(home, "runs", "--state", "FAIL")["items"]

    assert [run["job"].rpartition(":")[2] for run in failed] == ["pipeline.clean_orders", "pipeline.run_day"]
    assert all("ConversionException" in run["error"] for run in failed)
    assert "twelve euros" not in json.dumps(failed)


def test_what_is_stale_because_of_it(told: str, home: Path) -> None:
    answer = ask(home, "downstream", "pipeline.clean_orders")

    assert of_type(answer, "DATASET") == {
        "shop.silver.orders": 0,
        "shop.gold.daily_revenue": 1,
        "shop.gold.top_customers": 1,
        "revenue": 2,
    }


def test_row_counts_reach_the_events(told: str, home: Path) -> None:
    environment = {
        **os.environ,
        "LINEAGE_STORE": str(home / "lineage.db"),
        "LINEAGE_OUTBOX": str(home / "outbox"),
    }
    command = [LINEAGE, "export", "--format", "events"]
    lines = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    landed = [
        output["outputFacets"]["outputStatistics"]["rowCount"]
        for event in map(json.loads, lines)
        if event["job"]["name"] == "pipeline.land_orders"
        for output in event["outputs"]
    ]
    assert landed == [200, 200]


def test_it_does_not_build_into_a_folder_of_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    run = subprocess.run(
        [LINEAGE, "demo", "--folder", str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert run.returncode == 2
    assert "thesis.tex" in run.stderr
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def readme_block(opening: str) -> str:
    return (ROOT / "README.md").read_text().split(f"```{opening}")[1].split("\n", 1)[1].split("```")[0]


def test_the_readme_shows_the_pipeline_as_it_is() -> None:
    pipeline = (ROOT / "graph/cli/demo_pipeline.py").read_text()
    parts = readme_block("python notest").split("\n...\n")

    assert len(parts) == 2
    assert all(part.strip() in pipeline for part in parts)


def test_the_readme_shows_an_answer_as_it_is(told: str) -> None:
    said = [" ".join(line.split()) for line in told.splitlines()]
    shown = [" ".join(line.split()) for line in readme_block("text").splitlines() if line != "..."]

    assert len(shown) > 4
    assert all(any(line.startswith(start) for line in said) for start in shown)
