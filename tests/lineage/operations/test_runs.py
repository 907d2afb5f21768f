"""Operations counted to their run, or to an implicit one; metrics and outcomes of runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from operation_facets import facet, only

from lineage import (
    context,
    emit_outcome,
    set_data_metrics,
    set_warehouse_metrics,
    trace_query,
    track_db_operation,
    track_lineage,
    track_llm_call,
    track_messaging_operation,
    track_run,
    track_storage_operation,
)
from lineage.attribution import flush_queries
from lineage.operations import statistics
from lineage.testing import CapturedEvents

Told = Callable[[], list[dict[str, Any]]]


def select(rows: int | None = None, table: str = "orders") -> None:
    with track_db_operation("pg", "SELECT") as db:
        db.set_result(rows_returned=rows)
        db.set_table(table)


def test_one_run_has_a_record_of_each_kind_and_a_sum_per_vendor(
    lineage_events: CapturedEvents, told: Told
) -> None:
    """BT-01: databases, object storage and messaging in one run."""
    with track_run("job") as run:
        with track_db_operation("redshift", "SELECT") as db:
            db.set_result(rows_returned=10, bytes_read=100)
        with track_db_operation("mongodb", "INSERT") as db:
            db.set_result(rows_affected=3)
        with track_storage_operation("s3", "PUT", "lake") as storage:
            storage.set_result(objects_count=1, bytes_written=50)
        with track_storage_operation("gcs", "GET", "lake") as storage:
            storage.set_result(objects_count=2, bytes_read=7)
        with track_storage_operation("azure_blob", "GET", "lake") as storage:
            storage.set_result(objects_count=4)
        for system in ("sqs", "kafka", "pubsub"):
            with track_messaging_operation(system, "publish", "orders") as messaging:
                messaging.set_result(message_count=5)

    found = facet(lineage_events)
    assert found["total"]["count"] == 8
    assert found["total"]["bytesRead"] == 107
    assert (found["total"]["messages"], found["total"]["objects"]) == (15, 7)
    vendors = {one["vendor"]: one["counts"] for one in found["vendors"]}
    assert {name: counts["count"] for name, counts in vendors.items()} == {
        "aws": 3,
        "google_cloud": 2,
        "azure": 1,
        "mongodb": 1,
        "kafka": 1,
    }
    assert (vendors["aws"]["bytesRead"], vendors["aws"]["bytesWritten"]) == (100, 50)
    assert {event["run_id"] for event in told()} == {run.run_id}


def test_operations_of_one_kind_are_one_entry(lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        for rows in range(100):
            select(rows)
        select(1, "carts")

    orders, carts = facet(lineage_events)["operations"]
    assert (orders["counts"]["count"], orders["counts"]["rowsReturned"]) == (100, 4950)
    assert orders["counts"]["maxDurationMs"] <= orders["counts"]["totalDurationMs"]
    assert (carts["target"], carts["counts"]["count"]) == ("carts", 1)


def test_one_system_at_two_vendors_is_two_entries(lineage_events: CapturedEvents) -> None:
    """BT-25: a vendor may be said, for what anybody may run."""
    with track_run("job"):
        for vendor in (None, "aiven"):
            with track_messaging_operation("kafka", "publish", "orders", vendor=vendor):
                pass

    assert [one["vendor"] for one in facet(lineage_events)["operations"]] == ["kafka", "aiven"]
    assert [one["vendor"] for one in facet(lineage_events)["vendors"]] == ["kafka", "aiven"]


def test_the_facet_is_bounded_and_loses_no_sum(lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        for number in range(statistics.MAX_OPEN + 500):
            select(1, f"table_{number}")

    found = facet(lineage_events)
    assert len(found["operations"]) == statistics.MAX_ENTRIES
    assert found["omitted"]["count"] == statistics.MAX_OPEN + 500 - statistics.MAX_ENTRIES
    assert found["total"]["rowsReturned"] == statistics.MAX_OPEN + 500


def test_a_workflow_is_a_run_that_its_operations_belong_to(
    lineage_events: CapturedEvents, told: Told
) -> None:
    """BT-26: an async function, with ids of the event and the customer on all that it does."""

    @track_lineage(name="fulfil", tags={"event_id": "e-1", "customer_id": "c-1"})
    async def fulfil() -> None:
        with context.use(attributes={"event_id": "e-1", "customer_id": "c-1"}):
            select(1)
            await asyncio.sleep(0)
            with track_messaging_operation("sqs", "publish", "mail"):
                await asyncio.sleep(0)

    asyncio.run(fulfil())

    assert facet(lineage_events)["total"]["count"] == 2
    run_id = lineage_events[-1]["run"]["runId"]
    assert {event["run_id"] for event in told()} == {run_id}
    assert all(event["attributes"]["customer_id"] == "c-1" for event in told())


def test_operations_of_nested_runs_are_those_of_the_inner_one(lineage_events: CapturedEvents) -> None:
    """BT-26: the parent counts its own; the child names it."""
    with track_run("outer") as outer:
        select(1)
        with track_run("inner"):
            select(10)
        select(2)

    assert facet(lineage_events, "outer")["total"]["rowsReturned"] == 3
    assert facet(lineage_events, "inner")["total"]["rowsReturned"] == 10
    parent = lineage_events.of_job("inner")[-1]["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == outer.run_id


def test_operations_of_concurrent_runs_do_not_mix(lineage_events: CapturedEvents) -> None:
    """BT-26: fifty at once, each with what it did itself."""

    async def work(number: int) -> None:
        with track_run(f"job_{number}"):
            for _ in range(3):
                async with track_db_operation("pg", "SELECT") as db:
                    await asyncio.sleep(0)
                    db.set_result(rows_returned=number)

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(50)))

    asyncio.run(main())
    for number in range(50):
        assert facet(lineage_events, f"job_{number}")["total"]["rowsReturned"] == 3 * number


def test_operations_outside_any_run_belong_to_an_implicit_one(
    told: Told, lineage_events: CapturedEvents
) -> None:
    """BT-01: the job is the service's operation, and its datasets are lineage, too."""
    with context.use(operation="POST /orders/42"):
        select(3)
        with track_storage_operation("s3", "PUT", "lake", "orders"):
            pass
        emit_outcome("success")
        set_warehouse_metrics(bytes_scanned=9)
    assert flush_queries(10)

    assert lineage_events.types == ["START", "COMPLETE"]
    assert lineage_events[-1]["job"]["name"] == "shop.POST /orders/{id}"
    assert lineage_events[-1]["outputs"][0]["name"] == "orders"
    assert facet(lineage_events)["total"]["count"] == 2
    assert facet(lineage_events)["outcome"] == {"status": "success"}
    assert facet(lineage_events)["metrics"] == {"bytesScanned": 9}
    assert "lineageGraph_queryAttribution" not in lineage_events[-1]["run"]["facets"]


def test_a_query_captured_inside_an_operation_is_its_own_and_counts_once(
    told: Told, lineage_events: CapturedEvents
) -> None:
    """BT-03: both are told, and what the sums of both have in common is said."""
    with track_run("job"):
        with track_db_operation("pg", "SELECT") as db:
            with trace_query("SELECT * FROM orders", db_system="postgresql") as query:
                query.set(rows=7, bytes_read=70)
            db.set_result(rows_returned=7, bytes_read=100)
        with track_db_operation("pg", "INSERT") as db:
            db.set_result(rows_affected=2)

    names = [event["event_name"] for event in told()]
    assert names == ["lineage.query", "lineage.operation", "lineage.operation"]
    facets = lineage_events[-1]["run"]["facets"]
    operations, queries = facets["lineageGraph_operations"], facets["lineageGraph_queryAttribution"]
    assert (queries["total"]["count"], queries["total"]["rows"]) == (1, 7)
    assert (operations["total"]["rowsReturned"], operations["total"]["bytesRead"]) == (7, 100)
    assert operations["inQueries"] == {"rows": 7, "bytesRead": 70}


def test_a_query_outside_operations_leaves_their_sums_alone(lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        with track_storage_operation("s3", "GET", "lake") as storage:
            storage.set_result(bytes_read=10)
            with trace_query("SELECT 1") as query:
                query.set(rows=1, bytes_read=5)
        with trace_query("SELECT 2") as query:
            query.set(rows=1)

    assert "inQueries" not in facet(lineage_events)
    assert facet(lineage_events)["total"]["bytesRead"] == 10


def test_an_operation_around_others_of_its_system_counts_what_they_do_not(
    lineage_events: CapturedEvents,
) -> None:
    """BT-03: a transaction that sums up its statements does not double them."""
    with track_run("job"), track_db_operation("pg", "TRANSACTION") as transaction:
        for rows in (3, 4):
            with track_db_operation("pg", "INSERT") as db:
                db.set_result(rows_affected=rows)
        with track_storage_operation("s3", "PUT", "lake") as storage:
            storage.set_result(bytes_written=5)
        transaction.set_result(rows_affected=9, bytes_written=6)

    found = facet(lineage_events)
    entries = {one["operation"]: one["counts"] for one in found["operations"]}
    assert (entries["INSERT"]["rowsAffected"], entries["TRANSACTION"]["rowsAffected"]) == (7, 2)
    assert (found["total"]["rowsAffected"], found["total"]["bytesWritten"]) == (9, 11)


def test_metrics_are_set_on_the_innermost_open_operation(lineage_events: CapturedEvents) -> None:
    """BT-20, BT-21: whatever kind it is, and merged with what was said before."""
    with track_run("job"), track_storage_operation("s3", "GET", "lake"):
        with track_db_operation("snowflake", "SELECT") as db:
            db.set_result(rows_returned=1, bytes_read=2)
            set_data_metrics(rows_returned=5, rows_affected=0)
            set_warehouse_metrics(query_id="q-1", bytes_scanned=6, partitions_scanned=7)
        set_data_metrics(objects_count=3, bytes_read=4)

    database, storage = facet(lineage_events)["operations"]
    assert database["queryIds"] == ["q-1"]
    assert {**database["counts"], "totalDurationMs": 0, "maxDurationMs": 0} == {
        "count": 1,
        "errors": 0,
        "cancelled": 0,
        "totalDurationMs": 0,
        "maxDurationMs": 0,
        "rowsReturned": 5,
        "rowsAffected": 0,
        "bytesRead": 2,
        "bytesScanned": 6,
        "partitionsScanned": 7,
    }
    assert (storage["counts"]["objects"], storage["counts"]["bytesRead"]) == (3, 4)
    assert "metrics" not in facet(lineage_events)


def test_metrics_without_an_operation_are_the_runs(lineage_events: CapturedEvents, told: Told) -> None:
    """BT-20, BT-21: on the run, merged, zero kept, and no operation is made up."""
    with track_run("job"):
        set_data_metrics(rows_returned=5, objects_count=0)
        set_data_metrics(rows_affected=1)
        set_warehouse_metrics(query_id="q-1", bytes_scanned=6, rows_returned=4, partitions_scanned=2)
        set_data_metrics()

    assert facet(lineage_events)["metrics"] == {
        "rowsReturned": 4,
        "rowsAffected": 1,
        "objects": 0,
        "bytesScanned": 6,
        "partitionsScanned": 2,
        "queryId": "q-1",
    }
    assert facet(lineage_events)["operations"] == []
    assert [event["event_name"] for event in told()] == ["lineage.metrics"] * 3
    assert told()[0]["objects"] == 0


@pytest.mark.parametrize("wrong", ["x", object(), [], b"1", float("nan")])
def test_wrong_metrics_and_outcomes_raise_nothing(wrong: Any, lineage_events: CapturedEvents) -> None:
    """BT-20, BT-21, BT-27: left out, the rest counts."""
    with track_run("job"):
        set_data_metrics(wrong, 1)
        set_warehouse_metrics(bytes_scanned=wrong, partitions_scanned=2)
        emit_outcome("success", value_amount=wrong)

    assert facet(lineage_events)["metrics"] == {"rowsAffected": 1, "partitionsScanned": 2}
    assert facet(lineage_events)["outcome"] == {"status": "success"}


def test_an_outcome_stands_on_the_run(lineage_events: CapturedEvents, told: Told) -> None:
    """BT-27: with its value; the last one counts, and the run ends as it ends."""
    with track_run("job"):
        emit_outcome("partial", value_type="orders", value_amount=1)
        with track_db_operation("pg", "SELECT"):
            emit_outcome("success", value_type="revenue", value_amount=129.5)

    assert lineage_events[-1]["eventType"] == "COMPLETE"
    assert facet(lineage_events)["outcome"] == {
        "status": "success",
        "valueType": "revenue",
        "valueAmount": 129.5,
    }
    outcomes = [event for event in told() if event["event_name"] == "lineage.outcome"]
    assert outcomes[1]["outcome_status"] == "success"
    assert outcomes[1]["outcome_value_amount"] == 129.5


def test_an_outcome_without_a_status_is_none(
    lineage_events: CapturedEvents, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "lineage"), track_run("job"):
        emit_outcome(object())  # type: ignore[arg-type]

    assert "lineageGraph_operations" not in lineage_events[-1]["run"]["facets"]
    assert "status of an outcome" in caplog.text


def test_the_operations_of_a_failed_run_are_told(lineage_events: CapturedEvents) -> None:
    def work() -> None:
        select(3)
        with track_llm_call("openai", "gpt-4o"):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"), track_run("job"):
        work()

    assert lineage_events[-1]["eventType"] == "FAIL"
    assert facet(lineage_events)["total"]["count"] == 2
    assert facet(lineage_events)["total"]["errors"] == 1


def test_a_run_without_operations_has_no_facet_of_them(lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        pass

    assert "lineageGraph_operations" not in lineage_events[-1]["run"]["facets"]


def test_one_entry_does_not_need_a_target(lineage_events: CapturedEvents) -> None:
    with track_run("job"), track_db_operation("pg", "BATCH"):
        pass

    assert "target" not in only(lineage_events)
