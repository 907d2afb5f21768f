"""The demo, as a user runs it: its answers, worked out by hand from its pipeline."""

from __future__ import annotations

import copy
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graph import open_store, questions
from graph.ingest import derive, ingest
from graph.questions import moment

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


@pytest.fixture(scope="module")
def events(told: str, home: Path) -> list[dict[str, Any]]:
    """The events of the demo, in the order of arrival."""
    with closing(open_store(home / "lineage.db")) as store:
        return [json.loads(body) for _, body in store.bodies()]


def test_row_counts_reach_the_events(events: list[dict[str, Any]]) -> None:
    landed = [
        output["outputFacets"]["outputStatistics"]["rowCount"]
        for event in events
        if event["job"]["name"] == "pipeline.land_orders"
        for output in event["outputs"]
    ]
    assert landed == [200, 200]


Change = Callable[[dict[str, Any]], dict[str, Any] | None]


def audited(events: list[dict[str, Any]], place: Path, change: Change) -> dict[str, set[tuple[str, str]]]:
    """Return what the stories of all numbers leave open, with the job it is open of."""
    kept = [changed for event in events if (changed := change(copy.deepcopy(event))) is not None]
    with closing(open_store(place)) as store:
        ingest(store, [json.dumps(event).encode() for event in kept])
        derive(store)
        with moment(store) as asked:
            found = questions.drill(asked, [], sample=100, sources=["*silver.customers"])
    opened = {}
    for item in found.items:
        jobs = {each.run_id: each.job.name for each in item.story.chapters if each.job is not None}
        name = item.story.artifact.dataset.name.rpartition("/")[2]
        opened[name] = {(gap.what.value, jobs.get(gap.run_id or "", "")) for gap in item.gaps}
    return opened


def test_an_audit_of_the_demo_passes(events: list[dict[str, Any]], tmp_path: Path) -> None:
    """PV-45, PV-44: every artifact leads to its sources, with code, parameters and contents of each run."""
    opened = audited(events, tmp_path / "lineage.db", lambda event: event)

    gold = {"shop.gold.daily_revenue", "shop.gold.top_customers", "revenue"}
    assert opened.keys() == {"2026-01-01.parquet", "2026-01-02.parquet", "shop.silver.orders", *gold}
    assert not any(opened.values())


def without_event(event: dict[str, Any]) -> dict[str, Any] | None:
    is_it = event["job"]["name"] == "pipeline.clean_orders" and event["eventType"] == "COMPLETE"
    return None if is_it else event


def without_code(event: dict[str, Any]) -> dict[str, Any]:
    if event["job"]["name"] in ("pipeline.clean_orders", "pipeline.run_day"):
        event["run"]["facets"].pop("lineageGraph_code", None)
        event["job"]["facets"].pop("sourceCodeLocation", None)
    return event


def without_input_hash(event: dict[str, Any]) -> dict[str, Any]:
    if event["job"]["name"] == "pipeline.clean_orders":
        for dataset in event["inputs"]:
            dataset["facets"].pop("lineageGraph_artifact", None)
            dataset["facets"].pop("version", None)
    return event


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without_event, {("source", "pipeline.add_up_revenue")}),
        (without_code, {("code", "pipeline.clean_orders")}),
        (without_input_hash, {("source", "pipeline.clean_orders"), ("content", "pipeline.clean_orders")}),
    ],
)
def test_an_audit_names_the_link_that_is_missing(
    events: list[dict[str, Any]], tmp_path: Path, change: Change, expected: set[tuple[str, str]]
) -> None:
    """PV-45: of every number behind it."""
    opened = audited(events, tmp_path / "lineage.db", change)

    assert opened["shop.gold.daily_revenue"] == opened["revenue"] == expected
    assert opened["2026-01-01.parquet"] == set()


def audit(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "LINEAGE_STORE": str(home / "lineage.db"),
        "LINEAGE_OUTBOX": str(home / "outbox"),
    }
    command = [LINEAGE, "drill", "--source", "*silver.customers", "--sample", "100", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_audit_names_a_record_that_was_altered(told: str, home: Path, tmp_path: Path) -> None:
    """PV-45, DD-22: the command passes on the demo, as a page too, and fails when its log was written to."""
    done = audit(home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("6 of 6 stories are whole")
    page = audit(home, "--format", "html")
    assert (page.returncode, page.stdout.count("<section>")) == (0, 22)

    shutil.copytree(home, tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy" / "lineage.db")) as log, log:
        log.execute("DELETE FROM event WHERE seq = 3")
    altered = audit(tmp_path / "copy")
    assert altered.returncode == 1
    assert "deleted" in altered.stdout.partition("The log")[2]
    assert "The log" not in audit(tmp_path / "copy", "--no-verify").stdout


def test_an_earlier_demo_is_replaced_and_no_repository_of_somebody_else(told: str, home: Path) -> None:
    """Beside the pipeline of a demo there may be a repository that is none of the demo's."""
    (home / ".git" / "lineage-demo").unlink()
    run = subprocess.run(
        [LINEAGE, "demo", "--folder", str(home)], capture_output=True, text=True, check=False
    )

    assert (run.returncode, ".git" in run.stderr) == (2, True)
    (home / ".git" / "lineage-demo").touch()


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
