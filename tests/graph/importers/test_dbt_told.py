"""What the events of `lineage import dbt` say of tables, tests, sources and dashboards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dbt_shop import NAMESPACE, PROJECT, changed, ends, imported

pytestmark = pytest.mark.usefixtures("shop_home")


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


def test_a_metric_is_a_part_of_what_reads_it(project: Path) -> None:
    def measure(content: Any) -> None:
        metric = {
            "unique_id": "metric.shop.revenue",
            "resource_type": "metric",
            "name": "revenue",
            "type": "simple",
        }
        semantic = {
            "unique_id": "semantic_model.shop.days",
            "resource_type": "semantic_model",
            "name": "days",
        }
        metric["depends_on"] = {"nodes": [semantic["unique_id"]]}
        semantic["depends_on"] = {"nodes": ["model.shop.daily_revenue"]}
        content["metrics"] = {metric["unique_id"]: metric}
        content["semantic_models"] = {semantic["unique_id"]: semantic}
        exposure = content["exposures"]["exposure.shop.revenue_report"]
        exposure["depends_on"] = {"nodes": ["metric.shop.revenue", "model.shop.order_amounts"]}

    changed(project / "target" / "manifest.json", measure)
    (exposure,) = (one for one in imported(project / "target") if "run" not in one)

    assert [one["name"] for one in exposure["inputs"]] == [
        "shop.main.daily_revenue",
        "shop.main.stg_payments",
    ]


def test_owners_are_those_of_the_node_and_of_its_group(project: Path) -> None:
    owners = ["sales", {"name": "Ada", "email": "ada@shop.example"}, {"email": "b@shop.example"}, 7]

    def own(content: Any) -> None:
        content["groups"] = {"finance": {"owner": {"name": None, "email": ["finance@shop.example"]}}}
        content["nodes"]["model.shop.orders"]["group"] = "finance"
        content["nodes"]["model.shop.orders"]["config"]["meta"]["owner"] = owners

    changed(project / "target" / "manifest.json", own)
    (orders,) = ends(imported(project / "target"))["shop.main.shop.orders.build.run"]["outputs"]

    named = [one["name"] for one in orders["facets"]["ownership"]["owners"]]
    assert named == ["sales", "Ada", "b@shop.example", "finance@shop.example"]


def test_without_a_catalog_only_whole_schemas_are_told(project: Path) -> None:
    """A contract names all columns, and so does SQL without a star; a description of some is no schema."""
    (project / "target" / "catalog.json").unlink()

    def enforce(content: Any) -> None:
        source = content["nodes"]["seed.shop.raw_orders"]
        source["config"]["contract"] = {"enforced": True}
        source["columns"]["id"]["data_type"] = "bigint"

    before = ends(imported(project / "target"))
    changed(project / "target" / "manifest.json", enforce)
    after = ends(imported(project / "target"))

    def columns(known: dict[str, Any], job: str) -> list[tuple[str, str | None]]:
        schema = known[job]["outputs"][0]["facets"].get("schema", {"fields": []})
        return [(one["name"], one.get("type")) for one in schema["fields"]]

    seed = "shop.main.shop.raw_orders.build.seed"
    assert columns(before, seed) == []
    assert columns(after, seed) == [("id", "bigint")]
    assert columns(before, "shop.main.shop.stg_events.build.run") == []
    assert columns(before, "shop.main.shop.daily_revenue.build.run") == [("day", None), ("revenue", None)]


@pytest.mark.parametrize(
    ("response", "query_id"),
    [
        ({"query_id": "01b2", "rows_affected": 3}, "01b2"),
        ({"job_id": "j1", "project_id": "p", "location": "EU"}, "p:EU.j1"),
        ({"job_id": "j1"}, "j1"),
        ({"query_id": "N/A"}, None),
        ({"query_id": 7}, None),
        (None, None),
    ],
)
def test_the_warehouse_s_id_of_a_query_is_told(project: Path, response: Any, query_id: str | None) -> None:
    def respond(content: Any) -> None:
        for result in content["results"]:
            if result["unique_id"] == "model.shop.orders":
                result["adapter_response"] = response

    changed(project / "target" / "run_results.json", respond)
    event = ends(imported(project / "target"))["shop.main.shop.orders.build.run"]

    facet = event["run"]["facets"].get("externalQuery", {})
    assert facet.get("externalQueryId") == query_id
    assert facet.get("source", NAMESPACE) == NAMESPACE


def test_columns_that_the_project_writes_in_another_case_are_those_of_the_database(project: Path) -> None:
    def capitals(content: Any) -> None:
        for table in (*content["nodes"].values(), *content["sources"].values()):
            for column in table["columns"].values():
                column["name"] = column["name"].upper()

    changed(project / "target" / "catalog.json", capitals)
    known = ends(imported(project / "target"))
    (orders,) = known["shop.main.shop.orders.build.run"]["outputs"]
    (judged,) = known["shop.main.shop.customers.build.test"]["inputs"]

    fields = [one["name"] for one in orders["facets"]["schema"]["fields"]]
    assert fields == ["ORDER_ID", "CUSTOMER_ID", "ORDERED_ON", "STATUS", "AMOUNT"]
    assert orders["facets"]["columnLineage"]["fields"].keys() == set(fields)
    assert {one["field"] for one in orders["facets"]["tags"]["tags"] if "field" in one} == {"CUSTOMER_ID"}
    columns = {one["column"] for one in judged["inputFacets"]["dataQualityAssertions"]["assertions"]}
    assert columns == {"COUNTRY", "VISITS", "CUSTOMER_ID"}
