"""`lineage import dbt`: what dbt left behind, told truly, from real artifacts (tests/fixtures/dbt)."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import event_schemas
import pytest
from dbt_shop import FEEDS, PROJECT, ROWS, STATES, VALUES, ends, imported, made_from, put
from made_events import dump, edges

from graph import nodes, open_store
from graph.errors import InvalidSourceError
from graph.records import EdgeKind
from graph.store import LineageStore


@pytest.fixture(autouse=True)
def _profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOP_HOME", "/srv/shop")
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def store() -> Iterator[LineageStore]:
    with closing(open_store(":memory:")) as opened:
        yield opened


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with its artifacts, to be changed."""
    return Path(shutil.copytree(PROJECT, tmp_path / "shop"))


def changed(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


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


def test_a_failing_test_says_what_it_found_and_a_skipped_one_nothing() -> None:
    known = ends(imported(PROJECT / "target"))
    (judged,) = known["shop.main.shop.customers.build.test"]["inputs"]
    assertions = judged["inputFacets"]["dataQualityAssertions"]["assertions"]

    assert judged["name"] == "shop.main.dim_customers"
    assert {
        (one["assertion"], one["column"], one["success"], one["severity"], one["actual"], one["expected"])
        for one in assertions
    } == {
        ("accepted_values", "country", False, "error", "1", "0"),
        ("accepted_values", "visits", False, "warn", "1", "0"),
        ("unique", "customer_id", True, "error", "0", "0"),
    }
    assert (
        "Got 1 result"
        in known["shop.main.shop.customers.build.test"]["run"]["facets"]["errorMessage"]["message"]
    )
    (skipped,) = known["shop.main.shop.after_broken.build.test"]["inputs"]
    assert not skipped.get("inputFacets")


def test_a_test_of_two_tables_is_of_the_one_it_stands_at() -> None:
    """A relationships test reads both; dbt-ol takes the last one that the manifest lists."""
    known = ends(imported(PROJECT / "target"))
    (judged,) = known["shop.main.shop.orders.build.test"]["inputs"]
    names = [one["assertion"] for one in judged["inputFacets"]["dataQualityAssertions"]["assertions"]]

    assert judged["name"] == "shop.main.orders"
    assert sorted(names) == ["not_null", "not_null", "relationships", "unique"]
    singular = known["test.shop.orders_are_paid"]
    assert {one["name"] for one in singular["inputs"]} == {"shop.main.orders", "shop.main.dim_customers"}


def test_the_tables_are_described_as_in_the_project_and_the_database() -> None:
    known = ends(imported(PROJECT / "target"))
    (orders,) = known["shop.main.shop.orders.build.run"]["outputs"]
    facets = orders["facets"]

    assert [(one["name"], one["type"]) for one in facets["schema"]["fields"]] == [
        ("order_id", "INTEGER"),
        ("customer_id", "INTEGER"),
        ("ordered_on", "DATE"),
        ("status", "VARCHAR"),
        ("amount", "DOUBLE"),
    ]
    assert facets["schema"]["fields"][4]["description"] == "What was paid, in euros"
    assert facets["documentation"]["description"] == "One row per order"
    assert [one["name"] for one in facets["ownership"]["owners"]] == ["sales-team"]
    assert [(one["key"], one["value"], one.get("field")) for one in facets["tags"]["tags"]] == [
        ("finance", "true", None),
        ("tier", "1", None),
        ("pii", "true", "customer_id"),
    ]
    (seed,) = known["shop.main.shop.raw_payments.build.seed"]["outputs"]
    assert seed["outputFacets"]["outputStatistics"]["rowCount"] == 4
    (view,) = known["shop.main.shop.stg_orders.build.run"]["outputs"]
    assert view["facets"]["datasetType"]["datasetType"] == "VIEW"
    assert not view.get("outputFacets")


def test_an_exposure_is_a_dashboard() -> None:
    (exposure,) = (one for one in imported(PROJECT / "target") if "run" not in one)
    (dashboard,) = exposure["outputs"]

    assert exposure["job"] == {"namespace": "dbt", "name": "shop.revenue_report.exposure"} | {
        "facets": exposure["job"]["facets"]
    }
    assert (dashboard["namespace"], dashboard["name"]) == ("dbt", "shop.revenue_report")
    assert dashboard["facets"]["datasetType"]["datasetType"] == "DASHBOARD"
    assert dashboard["facets"]["dataSource"]["uri"] == "https://bi.shop.example/dashboards/7"
    assert [one["name"] for one in dashboard["facets"]["ownership"]["owners"]] == ["Finance"]


def test_the_age_of_a_source_is_told() -> None:
    known = ends(imported(PROJECT / "target"))
    event = known["shop.lake.source.shop.lake.web_events.freshness"]
    (source,) = event["inputs"]
    (assertion,) = source["inputFacets"]["dataQualityAssertions"]["assertions"]

    assert event["eventType"] == "COMPLETE"  # a warning
    assert source["name"] == "shop.lake.web_events_v1"
    assert source["inputFacets"]["dataQualityMetrics"]["lastUpdated"] == "2026-11-20T08:00:00+00:00"
    assert (assertion["success"], assertion["severity"]) == (False, "warn")
    assert assertion["expected"] == "warn after 12 hour"


def test_a_stale_source_and_one_that_cannot_be_asked_are_failures(project: Path) -> None:
    sources = project / "target" / "sources.json"
    changed(sources, lambda content: content["results"][0].update(status="error"))
    job = "shop.lake.source.shop.lake.web_events.freshness"
    stale = ends(imported(project / "target"))[job]
    asked = {"status": "runtime error", "error": "no such table 'web_events_v1'", "max_loaded_at": None}
    changed(sources, lambda content: content["results"][0].update(asked))
    unknown = ends(imported(project / "target"))[job]

    assert stale["eventType"] == unknown["eventType"] == "FAIL"
    assert stale["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"][0]["severity"] == "error"
    assert not unknown["inputs"][0].get("inputFacets")
    assert "no such table" in unknown["run"]["facets"]["errorMessage"]["message"]


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


def test_no_value_and_no_password_leaves_the_project(project: Path) -> None:
    profiles = project / "profiles.yml"
    profiles.write_text(profiles.read_text() + "      password: hunter2\n")
    message = "could not connect: password=hunter2 rejects 'Ada Byron'"

    def spoil(content: Any) -> None:
        for result in content["results"]:
            if result["unique_id"] == "model.shop.broken":
                result["message"] = message

    changed(project / "target" / "run_results.json", spoil)
    url = "https://bi.shop.example/dashboards/7?token=hunter2"
    manifest = project / "target" / "manifest.json"
    changed(manifest, lambda content: content["exposures"]["exposure.shop.revenue_report"].update(url=url))
    text = json.dumps(imported(project / "target"))

    assert "could not connect" in text
    assert "hunter2" not in text
    assert "Ada Byron" not in text
    assert "visit'" not in text  # of `where kind = 'visit'`


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
    assert "dbt generate" in notes[0]
    assert "is missing" in notes[1]
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


def test_a_job_of_many_models_is_of_the_right_node(store: LineageStore) -> None:
    put(store, imported(PROJECT / "target"))
    job = nodes.job("dbt", "shop.main.shop.orders.build.run")

    facets = store.facets([job.key], "sql")

    assert 'from "shop"."main"."stg_orders" o' in facets[job.key]["query"]


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("manifest.json", None, "has no manifest.json"),
        ("manifest.json", b"", "is no manifest of dbt"),
        ("manifest.json", b"[]", "is no manifest of dbt"),
        ("manifest.json", b"\xff\xfe", "is no manifest of dbt"),
        ("manifest.json", b"[" * 100_000, "is no manifest of dbt"),
        ("run_results.json", b'{"metadata": {}}', "is no run-results of dbt"),
        ("catalog.json", b"{", "is no catalog of dbt"),
        ("sources.json", b"null", "is no sources of dbt"),
    ],
)
def test_a_file_that_is_none_is_named(project: Path, file: str, content: bytes | None, told: str) -> None:
    path = project / "target" / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InvalidSourceError, match=told) as caught:
        imported(project / "target")

    assert str(path.parent) in str(caught.value)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("https://schemas.getdbt.com/dbt/manifest/v9.json", "version 9 .* 10 or newer is needed"),
        ("https://schemas.getdbt.com/dbt/catalog/v1.json", "is no manifest of dbt: it says"),
        ("something", "is no manifest of dbt: it says 'something'"),
    ],
)
def test_another_form_is_refused(project: Path, form: str, told: str) -> None:
    manifest = project / "target" / "manifest.json"
    changed(manifest, lambda content: content["metadata"].update(dbt_schema_version=form))

    with pytest.raises(InvalidSourceError, match=told):
        imported(project / "target")


def test_a_newer_form_is_tried_and_told(project: Path) -> None:
    notes: list[str] = []
    form = "https://schemas.getdbt.com/dbt/manifest/v99.json"
    manifest = project / "target" / "manifest.json"
    changed(manifest, lambda content: content["metadata"].update(dbt_schema_version=form))

    assert len(imported(project / "target", notes=notes)) > 40
    assert any("version 99, newer than" in note for note in notes)


def test_a_value_of_the_wrong_kind_is_told_with_its_place(project: Path) -> None:
    manifest = project / "target" / "manifest.json"
    changed(manifest, lambda content: content["nodes"]["model.shop.orders"].update(schema=7))

    with pytest.raises(InvalidSourceError, match=r"manifest\.json is no manifest .*`int`.*schema"):
        imported(project / "target")
