"""`lineage import dbt`: what dbt left behind, told truly, from real artifacts (tests/fixtures/dbt)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import event_schemas
import pytest
from dbt_shop import FEEDS, PROJECT, ROWS, STATES, VALUES, changed, ends, imported, made_from, put
from made_events import dump, edges

from graph import nodes, open_store
from graph.records import EdgeKind
from graph.store import LineageStore

pytestmark = pytest.mark.usefixtures("shop_home")


@pytest.fixture
def store() -> Iterator[LineageStore]:
    with closing(open_store(":memory:")) as opened:
        yield opened


def test_every_edge_is_there_and_no_other(store: LineageStore) -> None:
    put(store, imported(PROJECT / "target"))

    assert edges(store, EdgeKind.FEEDS) == FEEDS
    assert {edge for edge in edges(store, EdgeKind.READS) if "broken" in edge} == {
        "shop.main.orders -> shop.main.shop.broken.build.run",
        "shop.main.broken -> shop.main.shop.after_broken.build.run",
        "shop.main.after_broken -> shop.main.shop.after_broken.build.test",
    }


def test_every_column_is_made_from_the_right_ones(store: LineageStore) -> None:
    put(store, imported(PROJECT / "target"))

    assert made_from(store, "DIRECT") == VALUES
    decided = made_from(store, "INDIRECT")
    for table, sources in ROWS.items():
        assert {source for found in decided[table].values() for source in found} == sources


@pytest.mark.parametrize("target", ["target-v10", "target-v11"])
def test_older_manifests_without_a_catalog_give_the_same_edges(store: LineageStore, target: str) -> None:
    """What no SQL names is not known without a catalog: the columns behind the star of `stg_events`."""
    notes: list[str] = []
    put(store, imported(PROJECT / target, notes=notes))

    assert edges(store, EdgeKind.FEEDS) == FEEDS
    assert made_from(store, "DIRECT") == {
        name: columns for name, columns in VALUES.items() if name != "stg_events"
    }
    assert any("catalog.json is missing" in note for note in notes)
    assert any("model.shop.stg_events" in note for note in notes)


def test_runs_end_as_dbt_says_they_did() -> None:
    events = [one for one in imported(PROJECT / "target") if one.get("run")]
    build = [one for one in events if "freshness" not in one["job"]["name"]]
    results = json.loads((PROJECT / "target" / "run_results.json").read_text())
    known = ends(build[: len(STATES) * 2])

    assert {name: event["eventType"] for name, event in known.items()} == STATES
    assert Counter(event["eventType"] for event in events)["START"] * 2 == len(events)
    (orders,) = (one for one in results["results"] if one["unique_id"] == "model.shop.orders")
    (execution,) = (one for one in orders["timing"] if one["name"] == "execute")
    times = [one["eventTime"] for one in events if one["job"]["name"] == "shop.main.shop.orders.build.run"]
    assert times == [execution["started_at"], execution["completed_at"]]
    assert known["dbt-run-shop"]["run"]["runId"] == results["metadata"]["invocation_id"]
    assert known["dbt-run-shop"]["eventTime"] == results["metadata"]["generated_at"]


def test_the_parent_of_all_is_the_invocation() -> None:
    events = [one for one in imported(PROJECT / "target") if one.get("run")]
    parents = {}
    for event in events:
        parent = event["run"]["facets"].get("parent")
        parents[event["job"]["name"]] = parent and (parent["run"]["runId"], parent["root"]["run"]["runId"])
    (build,) = {one["run"]["runId"] for one in events[:1]}

    assert parents.pop("dbt-run-shop") is None
    freshness = parents.pop("shop.lake.source.shop.lake.web_events.freshness")
    assert freshness not in (None, (build, build))
    assert set(parents.values()) == {(build, build)}


def test_importing_twice_doubles_nothing(store: LineageStore, project: Path) -> None:
    first = put(store, imported(project / "target"))
    before = dump(store)
    again = put(store, imported(project / "target"))

    assert first["duplicate"] == 0
    assert again == {"accepted": 0, "duplicate": first["accepted"]}
    assert dump(store) == before
    # With less said of the same invocation its runs are still the same ones.
    (project / "target" / "catalog.json").unlink()
    runs = {run.run_id for run in store.runs(limit=100)}
    put(store, imported(project / "target"))
    assert {run.run_id for run in store.runs(limit=100)} == runs


@pytest.mark.parametrize("target", ["target", "target-v10", "target-v11"])
def test_every_event_is_valid(target: str) -> None:
    events = imported(PROJECT / target)

    assert len(events) > 40
    assert [problem for event in events for problem in event_schemas.problems(event)] == []


def test_the_names_of_jobs_and_their_namespace_are_those_of_dbt_ol(monkeypatch: pytest.MonkeyPatch) -> None:
    from made_events import FIXTURES

    from lineage.config import reset_config

    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "shop-dbt")
    reset_config()
    ours = {(one["job"]["namespace"], one["job"]["name"]) for one in imported(PROJECT / "target")}
    captured = [json.loads(line) for line in (FIXTURES / "dbt_failed_test.jsonl").read_bytes().splitlines()]
    theirs = {(one["job"]["namespace"], one["job"]["name"]) for one in captured}

    assert ours & theirs == {
        ("shop-dbt", "dbt-run-shop"),
        ("shop-dbt", "shop.main.shop.stg_customers.build.run"),
        ("shop-dbt", "shop.main.shop.stg_orders.build.run"),
        ("shop-dbt", "shop.main.shop.stg_payments.build.run"),
        ("shop-dbt", "shop.main.shop.orders.build.run"),
        ("shop-dbt", "shop.main.shop.orders.build.test"),
        ("shop-dbt", "shop.main.shop.customers.build.run"),
        ("shop-dbt", "shop.main.shop.customers.build.test"),
        ("shop-dbt", "shop.main.shop.daily_revenue.build.run"),
    }


def test_dbt_run_has_the_plain_name(project: Path) -> None:
    changed(project / "target" / "run_results.json", lambda content: content["args"].update(which="run"))
    jobs = {one["job"]["name"] for one in imported(project / "target")}

    assert {"shop.main.shop.orders", "shop.history.shop.customers_history.snapshot"} <= jobs


def test_without_results_jobs_are_declared(store: LineageStore, project: Path) -> None:
    """`dbt docs generate` overwrites the results by its own, which are of no run."""
    notes: list[str] = []
    results = project / "target" / "run_results.json"
    changed(results, lambda content: content["args"].update(which="generate"))
    (project / "target" / "sources.json").unlink()
    generated = imported(project / "target", notes=notes)
    results.unlink()
    missing = imported(project / "target", notes=notes)

    assert generated == missing
    assert not any("run" in one for one in generated)
    assert any("dbt generate" in note for note in notes)
    assert any("run_results.json is missing" in note for note in notes)
    put(store, generated)
    assert edges(store, EdgeKind.FEEDS) == FEEDS | {
        "shop.main.orders -> shop.main.broken",
        "shop.main.broken -> shop.main.after_broken",
    }


def test_the_sql_that_ran_counts_where_the_manifest_was_written_anew(
    store: LineageStore, project: Path
) -> None:
    """`dbt source freshness` writes a manifest without compiled SQL."""

    def forget(content: Any) -> None:
        for node in content["nodes"].values():
            node.pop("compiled_code", None)

    changed(project / "target" / "manifest.json", forget)
    put(store, imported(project / "target"))

    assert made_from(store, "DIRECT") == VALUES


def test_what_is_deferred_is_read_where_the_sql_says(project: Path) -> None:
    def defer(content: Any) -> None:
        content["args"]["defer"] = True
        for result in content["results"]:
            if result["unique_id"] == "model.shop.daily_revenue":
                result["compiled_code"] = 'select ordered_on as day from "shop"."production"."orders"'

    changed(project / "target" / "run_results.json", defer)
    known = ends(imported(project / "target"))

    (read,) = known["shop.main.shop.daily_revenue.build.run"]["inputs"]
    assert read["name"] == "shop.production.orders"


def test_a_table_that_only_the_sql_names_is_an_input(project: Path) -> None:
    def hard_code(content: Any) -> None:
        for result in content["results"]:
            if result["unique_id"] == "model.shop.daily_revenue":
                result["compiled_code"] += " union all select day, revenue from finance.corrections"

    changed(project / "target" / "run_results.json", hard_code)
    known = ends(imported(project / "target"))

    inputs = known["shop.main.shop.daily_revenue.build.run"]["inputs"]
    assert [one["name"] for one in inputs] == ["shop.main.orders", "shop.finance.corrections"]


def test_since_leaves_out_older_invocations() -> None:
    between = datetime(2026, 11, 21, 13, 36, 55, tzinfo=UTC)

    jobs = {one["job"]["name"] for one in imported(PROJECT / "target", since=between)}

    assert jobs == {"dbt-run-shop", "shop.lake.source.shop.lake.web_events.freshness"}
    assert imported(PROJECT / "target", since=datetime(2027, 1, 1, tzinfo=UTC)) == []


def test_a_given_namespace_needs_no_profile(project: Path) -> None:
    (project / "profiles.yml").unlink()

    events = imported(project / "target", namespace="postgresql://warehouse/")

    (orders,) = ends(events)["shop.main.shop.orders.build.run"]["outputs"]
    assert (orders["namespace"], orders["name"]) == ("postgres://warehouse:5432", "shop.main.orders")


def test_nothing_is_told_of_a_node_that_the_manifest_does_not_know(project: Path) -> None:
    notes: list[str] = []
    manifest = project / "target" / "manifest.json"
    changed(manifest, lambda content: content["nodes"].pop("model.shop.daily_revenue"))

    jobs = ends(imported(project / "target", notes=notes))

    assert "shop.main.shop.daily_revenue.build.run" not in jobs
    assert any("model.shop.daily_revenue" in note for note in notes)


def test_the_sql_of_a_job_is_that_of_its_node(store: LineageStore) -> None:
    put(store, imported(PROJECT / "target"))
    job = nodes.job("dbt", "shop.main.shop.orders.build.run")

    facets = store.facets([job.key], "sql")

    assert 'from "shop"."main"."stg_orders" o' in facets[job.key]["query"]


def test_a_project_without_a_name_is_called_as_most_of_its_models_are(project: Path) -> None:
    """Manifests before dbt 1.7 do not name the project."""
    changed(project / "target" / "manifest.json", lambda content: content["metadata"].pop("project_name"))

    assert "dbt-run-shop" in ends(imported(project / "target"))


def test_without_the_compiled_sql_datasets_are_told_and_columns_said_to_be_unknown(
    store: LineageStore, project: Path
) -> None:
    """In dbt 1.6 only the manifest has it, until another command writes the manifest anew."""

    def forget(content: Any) -> None:
        for node in content["nodes"].values():
            node.pop("compiled_code", None)

    notes: list[str] = []
    changed(project / "target-v10" / "manifest.json", forget)
    put(store, imported(project / "target-v10", notes=notes))

    assert edges(store, EdgeKind.FEEDS) == FEEDS
    assert made_from(store, "DIRECT") == {}
    assert any("its compiled SQL is not there" in note and "and 6 more" in note for note in notes)


def test_times_that_are_none_are_those_of_the_invocation(project: Path) -> None:
    def spoil(content: Any) -> None:
        content["metadata"]["invocation_started_at"] = "yesterday"
        for result in content["results"]:
            result["timing"] = [{"name": "execute", "started_at": "soon", "completed_at": "later"}]

    changed(project / "target" / "run_results.json", spoil)
    results = json.loads((project / "target" / "run_results.json").read_text())
    (project / "target" / "sources.json").unlink()

    events = [one for one in imported(project / "target") if one.get("run")]

    assert {one["eventTime"] for one in events} == {results["metadata"]["generated_at"]}
    assert {name: one["eventType"] for name, one in ends(events).items()} == STATES
