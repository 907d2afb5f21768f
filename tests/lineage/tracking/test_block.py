"""The block and the handle: what code inside a run can say."""

from __future__ import annotations

import asyncio
import decimal
import threading
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from lineage import current_run, track_run
from lineage.testing import CapturedEvents, capture


def facets(event: dict[str, Any], kind: str = "run") -> dict[str, Any]:
    found: dict[str, Any] = event[kind]["facets"]
    return found


def test_a_block_is_a_run(lineage_events: CapturedEvents) -> None:
    """PV-10: a block emits START and one terminal event around a critical section."""
    with track_run("build", inputs="s3://lake/silver/orders", outputs="s3://lake/gold/revenue") as run:
        assert current_run() is run
        assert run.run_id == "00000000-0000-7000-8000-000000000001"

    assert lineage_events.types == ["START", "COMPLETE"]
    assert lineage_events[1]["outputs"][0]["name"] == "gold/revenue"


def test_a_block_left_by_an_exception_fails_and_claims_nothing(lineage_events: CapturedEvents) -> None:
    """PV-10: after a failure or rollback no output is claimed."""

    def build() -> None:
        with track_run("build", outputs="s3://lake/gold/revenue") as run:
            run.output("s3://lake/gold/extra", row_count=3)
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        build()

    assert lineage_events.types == ["START", "FAIL"]
    assert lineage_events[1]["outputs"] == []


def test_inputs_and_outputs_can_be_added_while_running(lineage_events: CapturedEvents) -> None:
    with track_run("build") as run:
        run.input("s3://lake/silver/orders", row_count=10)
        run.output("s3://lake/gold/revenue", schema={"day": "date", "revenue": "numeric"}, row_count=0)
        run.output_statistics(row_count=0, size=120, file_count=1)

    complete = lineage_events[1]
    assert complete["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"] == 10
    statistics = complete["outputs"][0]["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (0, 120, 1)
    assert [field["name"] for field in complete["outputs"][0]["facets"]["schema"]["fields"]] == [
        "day",
        "revenue",
    ]


def test_a_row_count_nobody_gave_is_absent_and_a_zero_is_there(lineage_events: CapturedEvents) -> None:
    with track_run("build") as run:
        run.output("a", row_count=0)
        run.output("b")

    first, second = lineage_events[1]["outputs"]
    assert first["outputFacets"]["outputStatistics"]["rowCount"] == 0
    assert second["outputFacets"] == {}


def test_sql_is_carried_with_its_values_masked(lineage_events: CapturedEvents) -> None:
    with track_run("build") as run:
        run.sql(
            "INSERT INTO gold.revenue SELECT day, sum(amount) FROM silver.orders"
            " WHERE card = '4111-1111' GROUP BY 1",
            dialect="postgres",
            namespace="postgres://warehouse:5432",
            database="shop",
        )
        run.output_statistics(row_count=7)

    job = facets(lineage_events[1], "job")
    assert "4111" not in str(lineage_events)
    assert job["sql"]["dialect"] == "postgres"
    assert job["sql"]["query"].startswith(
        "INSERT INTO gold.revenue SELECT day, sum(amount) FROM silver.orders"
    )
    (statement,) = job["lineageGraph_statements"]["statements"]
    assert (statement["namespace"], statement["database"]) == ("postgres://warehouse:5432", "shop")
    assert facets(lineage_events[1])["lineageGraph_outputStatistics"]["statistics"] == [
        {"statement": 0, "rowCount": 7}
    ]


def test_column_lineage_names_its_sources(lineage_events: CapturedEvents) -> None:
    with track_run("build") as run:
        run.column_lineage(
            "s3://lake/gold/revenue",
            "revenue",
            [("s3://lake/silver/orders", "amount")],
            transformation="sum(amount)",
            subtype="AGGREGATION",
        )

    complete = lineage_events[1]
    assert [dataset["name"] for dataset in complete["inputs"]] == ["silver/orders"]
    (made,) = complete["outputs"][0]["facets"]["columnLineage"]["fields"]["revenue"]["inputFields"]
    assert (made["name"], made["field"]) == ("silver/orders", "amount")
    assert made["transformations"] == [
        {"type": "DIRECT", "subtype": "AGGREGATION", "description": "sum(amount)"}
    ]


def test_tags_and_facets_of_any_kind(lineage_events: CapturedEvents) -> None:
    from openlineage.client.facet_v2 import nominal_time_run

    with track_run("build", tags={"team": "finance"}, description="Adds up revenue.") as run:
        run.tag("backfill")
        run.facet("nominalTime", nominal_time_run.NominalTimeRunFacet("2026-01-01T00:00:00Z"))
        run.facet(
            "shop_batch",
            {"number": 3, "on": date(2026, 1, 1), "share": decimal.Decimal("0.5"), "odd": {1, 2}},
        )
        run.job_facet("shop_team", {"channel": "#finance"})
        run.input("orders")
        run.dataset_facet("orders", "shop_tier", {"tier": 1})

    complete = lineage_events[1]
    assert facets(complete)["tags"]["tags"] == [{"key": "backfill", "value": "true", "source": "USER"}]
    assert facets(complete)["nominalTime"]["nominalStartTime"] == "2026-01-01T00:00:00Z"
    batch = facets(complete)["shop_batch"]
    assert (batch["number"], batch["on"], batch["share"], batch["odd"]) == (3, "2026-01-01", "0.5", [1, 2])
    assert batch["_producer"]
    assert facets(complete, "job")["tags"]["tags"][0]["key"] == "team"
    assert facets(complete, "job")["documentation"]["description"] == "Adds up revenue."
    assert facets(complete, "job")["shop_team"]["channel"] == "#finance"
    assert complete["inputs"][0]["facets"]["shop_tier"]["tier"] == 1


def test_a_facet_that_cannot_be_written_is_refused_alone() -> None:
    from lineage._guard import reraise_faults

    endless: dict[str, Any] = {}
    endless["self"] = endless
    with capture() as events:
        reraise_faults(False)
        with track_run("build") as run:
            run.facet("bad", endless)
            run.facet("worse", 5)
            run.facet("good", {"x": 1})
            run.dataset_facet("nowhere", "bad", {})
            run.input("")
            run.output_statistics(row_count=1)
            run.sql(None)  # type: ignore[arg-type]

    assert events.types == ["START", "COMPLETE"]
    assert "bad" not in facets(events[1])
    assert facets(events[1])["good"]["x"] == 1
    assert events[1]["inputs"] == []


def test_outside_a_run_the_handle_ignores_what_it_is_told(lineage_events: CapturedEvents) -> None:
    run = current_run()
    run.input("orders")
    run.sql("select 1")
    run.tag("x")

    assert (run.run_id, run.recording) == ("", False)
    assert lineage_events == []


def test_what_is_said_after_the_end_is_ignored(lineage_events: CapturedEvents) -> None:
    with track_run("build") as run:
        pass
    run.output("late")

    assert lineage_events.types == ["START", "COMPLETE"]
    assert lineage_events[1]["outputs"] == []


def test_async_with_works_too(lineage_events: CapturedEvents) -> None:
    async def main() -> None:
        async with track_run("build") as run:
            run.output("orders")

    asyncio.run(main())

    assert lineage_events.types == ["START", "COMPLETE"]


def test_a_block_can_be_entered_again_and_from_several_threads(lineage_events: CapturedEvents) -> None:
    block = track_run("build")
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        with block as run:
            barrier.wait()
            run.tag("number", str(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    completed = [event for event in lineage_events if event["eventType"] == "COMPLETE"]
    assert sorted(facets(event)["tags"]["tags"][0]["value"] for event in completed) == ["0", "1", "2", "3"]
    assert len({event["run"]["runId"] for event in lineage_events}) == 4


def test_a_block_says_where_its_code_is(lineage_events: CapturedEvents) -> None:
    with track_run("build"):
        pass

    location = facets(lineage_events[0], "job")["sourceCodeLocation"]
    assert "test_block.py#L" in location["url"]
    assert facets(lineage_events[0], "job")["jobType"]["integration"] == "LINEAGE_GRAPH"
    assert facets(lineage_events[0])["processing_engine"]["name"] == "CPython"


def test_running_is_reported_on_request_with_outputs(lineage_events: CapturedEvents) -> None:
    with track_run("stream", inputs="kafka://broker:9092/orders") as run:
        run.output("s3://lake/bronze/orders", row_count=10)
        run.running()
        run.output("s3://lake/bronze/orders", row_count=20)

    assert lineage_events.types == ["START", "RUNNING", "COMPLETE"]
    counts = [
        event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] for event in lineage_events[1:]
    ]
    assert counts == [10, 20]
    assert lineage_events[1]["eventTime"] > lineage_events[0]["eventTime"]


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-01T00:00:00.000Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"),
    ],
)
def test_the_nominal_time_is_what_the_scheduler_means(
    start: datetime | str, text: str, lineage_events: CapturedEvents
) -> None:
    with track_run("build") as run:
        run.nominal_time(start, "2026-01-02T00:00:00+00:00")

    nominal = facets(lineage_events[1])["nominalTime"]
    assert (nominal["nominalStartTime"], nominal["nominalEndTime"]) == (text, "2026-01-02T00:00:00.000Z")


def test_an_attempt_names_the_one_before(lineage_events: CapturedEvents) -> None:
    before = None
    for number in (1, 2):
        with track_run("flaky") as run:
            run.attempt(number, retry_of=before)
            before = run.run_id

    first, second = (facets(event)["lineageGraph_attempt"] for event in lineage_events[1::2])
    assert (first["attempt"], "retryOf" in first) == (1, False)
    assert (second["attempt"], second["retryOf"]) == (2, lineage_events[0]["run"]["runId"])
