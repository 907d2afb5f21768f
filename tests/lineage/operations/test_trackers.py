"""What is said of an operation: merged, zero kept, wrong values left out, and never an exception."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import pytest
from operation_facets import facet, only

from lineage import (
    track_db_operation,
    track_llm_call,
    track_messaging_operation,
    track_run,
    track_storage_operation,
)
from lineage.operations import values
from lineage.testing import CapturedEvents

Told = Callable[[], list[dict[str, Any]]]

DB_RESULT = {"rows_returned": 3, "rows_affected": 4, "bytes_read": 5, "bytes_written": 6}
DB_WIRE = {"rowsReturned": 3, "rowsAffected": 4, "bytesRead": 5, "bytesWritten": 6}


def measured(counts: dict[str, Any]) -> dict[str, Any]:
    apart = {"count", "errors", "cancelled", "totalDurationMs", "maxDurationMs"}
    return {name: value for name, value in counts.items() if name not in apart}


@pytest.mark.parametrize("name", DB_RESULT)
@pytest.mark.parametrize("value", [0, 7])
def test_each_result_of_a_database_operation_stands_alone(
    name: str, value: int, lineage_events: CapturedEvents
) -> None:
    """BT-03: each alone, zero is a zero, and what is not said is absent."""
    with track_run("job"), track_db_operation("postgres", "SELECT") as db:
        db.set_result(**{name: value})

    wire = dict(zip(DB_RESULT, DB_WIRE, strict=True))[name]
    assert measured(only(lineage_events)["counts"]) == {wire: value}


def test_results_of_several_calls_are_merged(lineage_events: CapturedEvents) -> None:
    """BT-03: a later call completes an earlier one and takes back nothing; its own values count."""
    with track_run("job"), track_db_operation("postgres", "SELECT") as db:
        db.set_result(rows_returned=1, bytes_read=5)
        db.set_result(rows_affected=4)
        db.set_result(**{**DB_RESULT, "bytes_read": None})

    assert measured(only(lineage_events)["counts"]) == DB_WIRE


def test_zero_is_not_unknown(lineage_events: CapturedEvents, told: Told) -> None:
    """fault 2.2-1: zero rows are said, in the facet and at the sinks."""
    with track_run("job"), track_db_operation("postgres", "SELECT") as db:
        db.set_result(rows_returned=0)
    assert measured(only(lineage_events)["counts"]) == {"rowsReturned": 0}
    (event,) = told()
    assert event["rows_returned"] == 0
    assert "rows_affected" not in event


def test_zero_and_unknown_stay_apart_in_sums(lineage_events: CapturedEvents) -> None:
    """fault 3-15: a sum of nothing known is absent, a sum of zeros is 0."""
    with track_run("job"):
        for rows in (0, None, 0):
            with track_db_operation("postgres", "SELECT") as db:
                db.set_result(rows_returned=rows)
    assert measured(facet(lineage_events)["total"]) == {"rowsReturned": 0}


def test_a_second_result_does_not_undo_the_first(lineage_events: CapturedEvents) -> None:
    """fault 2.2-2: nothing is reset, and bytes scanned stay apart from bytes read."""
    with track_run("job"), track_db_operation("snowflake", "SELECT") as db:
        db.set_result(rows_returned=10, bytes_read=100)
        db.set_bytes_scanned(5_000)
        db.set_result(rows_affected=0)

    assert measured(only(lineage_events)["counts"]) == {
        "rowsReturned": 10,
        "rowsAffected": 0,
        "bytesRead": 100,
        "bytesScanned": 5_000,
    }


class Rows(IntEnum):
    SEVEN = 7


class Unreadable:
    def __index__(self) -> int:
        raise RuntimeError("not now")

    def __float__(self) -> float:
        raise RuntimeError("not now")

    def __str__(self) -> str:
        raise RuntimeError("not now")


@pytest.mark.parametrize("value", [None, "7", "", b"7", [1], {}, object(), Unreadable(), True, 1.5])
def test_a_wrong_result_is_left_out_and_never_raised(value: Any, lineage_events: CapturedEvents) -> None:
    """fault 2.2-3: None is unknown, other types are left out, and the application goes on."""
    with track_run("job"), track_db_operation("postgres", "SELECT") as db:
        db.set_result(rows_returned=5)
        db.set_result(rows_returned=value, rows_affected=2)
        db.set_bytes_scanned(value)

    assert measured(only(lineage_events)["counts"]) == {"rowsReturned": 5, "rowsAffected": 2}


@pytest.mark.parametrize(
    ("value", "count"), [(7.0, 7), (Rows.SEVEN, 7), (-1, None), (1 << 63, None), (float("nan"), None)]
)
def test_numbers_of_other_kinds_are_counts_where_they_are_whole(value: Any, count: int | None) -> None:
    """BT-03: drivers say -1 for unknown; numbers too large for any store are none."""
    assert values.count_of("rows", value) == count


@pytest.mark.parametrize("wrong", [None, 5, object(), b"x", Unreadable(), [], ""])
def test_no_argument_of_any_tracker_raises(wrong: Any, lineage_events: CapturedEvents) -> None:
    """fault 3-17: type errors stay with us: every method of every tracker, with every kind of value."""
    with track_run("job"):
        with track_db_operation(wrong, wrong, wrong, vendor=wrong, namespace=wrong, note=wrong) as db:
            db.set_result(wrong, wrong, wrong, wrong)
            db.set_table(wrong, wrong)
            db.set_query_id(wrong)
            db.set_bytes_scanned(wrong)
            db.set_partitions_scanned(wrong)
            db.set_error(wrong)
            db.set_dataset(wrong)
            db.add_metadata(key=wrong)
            db.set(attributes=wrong, nothing_such=wrong)
        with track_storage_operation(wrong, wrong, wrong, wrong, account=wrong) as storage:
            storage.set_result(wrong, wrong, wrong)
            storage.set_bucket(wrong, wrong)
            storage.set_key(wrong)
        with track_messaging_operation(wrong, wrong, wrong) as messaging:
            messaging.set_result(wrong, wrong)
            messaging.set_destination(wrong)
        with track_llm_call(wrong, wrong, wrong) as llm:
            llm.set_tokens(wrong, wrong)
            llm.set_model(wrong)

    assert facet(lineage_events)["total"]["count"] == 4


def test_a_table_has_its_schema(lineage_events: CapturedEvents, told: Told) -> None:
    """BT-04: table and schema."""
    with track_run("job"):
        with track_db_operation("postgres", "SELECT") as db:
            db.set_table("orders", schema="public")
        with track_db_operation("mongodb", "SELECT") as db:
            db.set_table("carts")

    assert [entry["target"] for entry in facet(lineage_events)["operations"]] == ["public.orders", "carts"]
    assert [event["target"] for event in told()] == ["public.orders", "carts"]


def test_a_query_id_is_recorded(lineage_events: CapturedEvents, told: Told) -> None:
    """BT-05: the warehouse's own id of a query, once for each query."""
    with track_run("job"):
        for number in range(25):
            with track_db_operation("snowflake", "SELECT") as db:
                db.set_query_id(f"01b-{number}")
                db.set_query_id(None)

    assert only(lineage_events)["queryIds"] == [f"01b-{number}" for number in range(20)]
    assert [event["query_id"] for event in told()] == [f"01b-{number}" for number in range(25)]


def test_bytes_scanned_are_not_bytes_read(lineage_events: CapturedEvents) -> None:
    """BT-06: what a warehouse charges for is a measure of its own, whichever is said first."""
    with track_run("job"):
        with track_db_operation("bigquery", "SELECT") as db:
            db.set_bytes_scanned(1_000)
            db.set_result(bytes_read=10)
        with track_db_operation("bigquery", "SELECT") as db:
            db.set_bytes_scanned(500)
            db.set_partitions_scanned(3)

    assert measured(facet(lineage_events)["total"]) == {
        "bytesRead": 10,
        "bytesScanned": 1_500,
        "partitionsScanned": 3,
    }


@pytest.mark.parametrize("name", ["objects_count", "bytes_read", "bytes_written"])
@pytest.mark.parametrize("value", [0, 7])
def test_each_result_of_a_storage_operation_stands_alone(
    name: str, value: int, lineage_events: CapturedEvents
) -> None:
    """BT-12: each alone, and zero is a zero."""
    with track_run("job"), track_storage_operation("s3", "GET") as storage:
        storage.set_result(**{name: value})

    wire = {"objects_count": "objects", "bytes_read": "bytesRead", "bytes_written": "bytesWritten"}[name]
    assert measured(only(lineage_events)["counts"]) == {wire: value}


def test_results_of_a_storage_operation_are_merged(lineage_events: CapturedEvents) -> None:
    """BT-12: later calls complete earlier ones."""
    with track_run("job"), track_storage_operation("s3", "PUT") as storage:
        storage.set_result(objects_count=2)
        storage.set_result(bytes_written=10)

    assert measured(only(lineage_events)["counts"]) == {"objects": 2, "bytesWritten": 10}


def test_a_bucket_is_recorded(lineage_events: CapturedEvents, told: Told) -> None:
    """BT-13: as the target of the operation, whichever way it is said."""
    with track_run("job"):
        with track_storage_operation("s3", "PUT", "lake"):
            pass
        with track_storage_operation("s3", "PUT") as storage:
            storage.set_bucket("lake")

    assert only(lineage_events)["target"] == "lake"
    assert [event["target"] for event in told()] == ["lake", "lake"]


@pytest.mark.parametrize("name", ["message_count", "bytes_transferred"])
@pytest.mark.parametrize("value", [0, 7])
def test_each_result_of_a_messaging_operation_stands_alone(
    name: str, value: int, lineage_events: CapturedEvents
) -> None:
    """BT-17: each alone, and zero is a zero."""
    with track_run("job"), track_messaging_operation("sqs", "receive", "orders") as messaging:
        messaging.set_result(**{name: value})
        messaging.set_result()

    wire = {"message_count": "messages", "bytes_transferred": "bytesTransferred"}[name]
    assert measured(only(lineage_events)["counts"]) == {wire: value}


def test_tokens_are_counted_by_model(lineage_events: CapturedEvents, told: Told) -> None:
    """BT-28: a call of a model is one more kind of operation."""
    with track_run("job"):
        for _ in range(2):
            with track_llm_call(provider="OpenAI", model="gpt-4o") as llm:
                llm.set_tokens(input_tokens=100)
                llm.set_tokens(output_tokens=20)

    entry = only(lineage_events)
    assert (entry["kind"], entry["system"], entry["operation"], entry["target"]) == (
        "llm",
        "openai",
        "chat",
        "gpt-4o",
    )
    assert measured(entry["counts"]) == {"inputTokens": 200, "outputTokens": 40}
    assert [event["input_tokens"] for event in told()] == [100, 100]


METADATA = {
    "query_type": "analytical",
    "cache_hit": True,
    "storage_class": "STANDARD_IA",
    "encryption": "AES256",
    "message_group_id": "orders",
    "deduplication_id": "2026-01-01",
    "attempts": 3,
    "ratio": 0.5,
}


@pytest.mark.parametrize(
    "track",
    [
        lambda: track_db_operation("postgres", "SELECT", first="said at once"),
        lambda: track_storage_operation("s3", "PUT", first="said at once"),
        lambda: track_messaging_operation("sqs", "publish", first="said at once"),
        lambda: track_llm_call("openai", "gpt-4o", first="said at once"),
    ],
)
def test_metadata_is_kept_with_its_types(track: Callable[[], Any], told: Told) -> None:
    """BT-08: custom attributes on every kind of operation, in one call or several."""
    with track() as operation:
        operation.add_metadata(query_type="first")
        operation.add_metadata(**METADATA)

    (event,) = told()
    assert event["attributes"] == {"first": "said at once"} | METADATA


def test_bad_metadata_is_left_out_with_a_line_in_the_log(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """BT-08: only bounded scalars, and never an exception."""
    with (
        caplog.at_level(logging.WARNING, "lineage"),
        track_db_operation("postgres", "SELECT") as db,
    ):
        db.add_metadata(good=1, tags=["a"], thing=Unreadable(), nothing=None, number=float("inf"))
        db.add_metadata(long="x" * 10_000)
        db.add_metadata(**{f"key_{number}": number for number in range(100)})

    (event,) = told()
    assert event["attributes"]["good"] == 1
    assert len(event["attributes"]["long"]) == 256
    assert len(event["attributes"]) == 32
    assert not {"tags", "thing", "nothing", "number"} & set(event["attributes"])
    assert "'tags'" in caplog.text


@pytest.mark.parametrize("name", ["botanu.run_id", "run_id", "db.system", "messaging.system", "lineage.x"])
def test_reserved_names_of_metadata_are_refused(
    name: str, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """BT-08: what is recorded anyway cannot be overwritten."""
    with caplog.at_level(logging.WARNING, "lineage"), track_db_operation("pg", "SELECT") as db:
        db.add_metadata(**{name: "mine", "other": 1})

    (event,) = told()
    assert event["attributes"] == {"other": 1}
    assert event["system"] == "postgresql"
    assert name in caplog.text
    assert "mine" not in caplog.text
