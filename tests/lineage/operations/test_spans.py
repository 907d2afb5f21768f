"""Operations on the spans of a host that uses OpenTelemetry, with the real SDK."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from lineage import (
    configure,
    emit_outcome,
    set_data_metrics,
    set_warehouse_metrics,
    track_db_operation,
    track_llm_call,
    track_messaging_operation,
    track_storage_operation,
)
from lineage.attribution.systems import system_name

Told = Callable[[], list[dict[str, Any]]]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def of_events(span: ReadableSpan) -> list[dict[str, Any]]:
    """Return the attributes of the span's events of operations, without their durations."""
    found = []
    for event in span.events:
        if event.name == "lineage.operation":
            known = dict(event.attributes or {})
            duration = known.pop("lineage.operation.duration_ms")
            assert isinstance(duration, float)
            found.append(known)
    return found


def query_a_warehouse() -> None:
    with track_db_operation("Snowflake", "select", database="shop") as db:
        db.set_table("orders", schema="public")
        db.set_result(rows_returned=0, rows_affected=2, bytes_read=3, bytes_written=4)
        db.set_query_id("01b-77")
        db.set_bytes_scanned(5)
        db.set_partitions_scanned(6)
        db.add_metadata(cache_hit=False)


DATABASE = {
    "db.system.name": "snowflake",
    "db.operation.name": "SELECT",
    "db.namespace": "shop|public",
    "db.collection.name": "orders",
    "lineage.vendor": "snowflake",
    "lineage.data.rows_returned": 0,
    "lineage.data.rows_affected": 2,
    "lineage.data.bytes_read": 3,
    "lineage.data.bytes_written": 4,
    "lineage.warehouse.query_id": "01b-77",
    "lineage.warehouse.bytes_scanned": 5,
    "lineage.warehouse.partitions_scanned": 6,
    "lineage.attributes.cache_hit": False,
}


def put_an_object() -> None:
    with track_storage_operation("aws_s3", "put", "lake", "orders/day=1") as storage:
        storage.set_result(objects_count=1, bytes_read=0, bytes_written=9)


STORAGE = {
    "lineage.storage.system": "s3",
    "lineage.storage.operation": "PUT",
    "lineage.storage.bucket": "lake",
    "lineage.vendor": "aws",
    "lineage.data.objects_count": 1,
    "lineage.data.bytes_read": 0,
    "lineage.data.bytes_written": 9,
}


def publish() -> None:
    with track_messaging_operation("SQS", "SEND", destination="orders") as messaging:
        messaging.set_result(message_count=10, bytes_transferred=11)


MESSAGING = {
    "messaging.system": "aws_sqs",
    "messaging.operation.name": "publish",
    "messaging.operation.type": "send",
    "messaging.destination.name": "orders",
    "lineage.vendor": "aws",
    "lineage.messaging.message_count": 10,
    "lineage.messaging.bytes_transferred": 11,
}


def ask_a_model() -> None:
    with track_llm_call("OpenAI", "gpt-4o") as llm:
        llm.set_tokens(input_tokens=12, output_tokens=13)


LLM = {
    "gen_ai.provider.name": "openai",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 13,
    "lineage.vendor": "openai",
}


@pytest.mark.parametrize(
    ("work", "expected"),
    [(query_a_warehouse, DATABASE), (put_an_object, STORAGE), (publish, MESSAGING), (ask_a_model, LLM)],
)
def test_a_span_has_exactly_the_attributes_of_its_operation(
    work: Callable[[], None], expected: dict[str, Any], tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    """BT-22, BT-23, BT-24, BT-25: the stable names, ours for what they lack, the vendor on every kind."""
    with tracer.start_as_current_span("work"):
        work()

    (span,) = spans.get_finished_spans()
    assert attributes(span) == expected
    assert of_events(span) == [expected]
    assert "lineage.vendor" in expected


OLD_DATABASE = {
    "db.system": "snowflake",
    "db.operation": "SELECT",
    "db.name": "shop",
    "botanu.vendor": "snowflake",
    "botanu.data.rows_returned": 0,
    "botanu.data.rows_affected": 2,
    "botanu.data.bytes_read": 3,
    "botanu.data.bytes_written": 4,
    "botanu.warehouse.query_id": "01b-77",
    "botanu.warehouse.bytes_scanned": 5,
    "botanu.warehouse.partitions_scanned": 6,
}
OLD_STORAGE = {
    "botanu.storage.system": "s3",
    "botanu.storage.operation": "PUT",
    "botanu.storage.bucket": "lake",
    "botanu.vendor": "aws",
    "botanu.data.objects_count": 1,
    "botanu.data.bytes_read": 0,
    "botanu.data.bytes_written": 9,
}
OLD_MESSAGING = {
    "messaging.operation": "publish",
    "botanu.vendor": "aws",
    "botanu.messaging.message_count": 10,
    "botanu.messaging.bytes_transferred": 11,
}


@pytest.mark.parametrize(
    ("work", "stable", "old"),
    [
        (query_a_warehouse, DATABASE, OLD_DATABASE),
        (put_an_object, STORAGE, OLD_STORAGE),
        (publish, MESSAGING, OLD_MESSAGING),
    ],
)
def test_older_names_are_told_on_request(
    work: Callable[[], None],
    stable: dict[str, Any],
    old: dict[str, Any],
    tracer: Tracer,
    spans: InMemorySpanExporter,
) -> None:
    """BT-22, BT-23, BT-24, fault 3-21: the names of before beside those of today, never in their place."""
    configure(otel_old_names=True)
    with tracer.start_as_current_span("work"):
        work()

    (span,) = spans.get_finished_spans()
    assert attributes(span) == stable | old


@pytest.mark.parametrize("name", ["publish", "PUBLISH", "Send"])
def test_case_does_not_turn_a_producer_into_a_consumer(
    name: str, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    """BT-18, fault 2.2-6: the type says producer in any case; the kind of the span is the host's."""
    with (
        tracer.start_as_current_span("work", kind=SpanKind.INTERNAL),
        track_messaging_operation(" Kafka ", name, "orders"),
    ):
        pass
    with (
        tracer.start_as_current_span("work", kind=SpanKind.CLIENT),
        track_db_operation(" postgresql+psycopg2 ", " select "),
    ):
        pass

    messaging, database = spans.get_finished_spans()
    assert attributes(messaging)["messaging.operation.type"] == "send"
    assert messaging.kind is SpanKind.INTERNAL
    assert attributes(database)["db.system.name"] == system_name("database", "pg")
    assert attributes(database)["db.operation.name"] == "SELECT"
    assert database.kind is SpanKind.CLIENT


def test_two_operations_of_one_span_are_both_there_and_do_not_mix(
    tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    """fault 3-14: the attributes are those of the first, each has an event."""
    with tracer.start_as_current_span("work"):
        query_a_warehouse()
        put_an_object()
        with track_db_operation("pg", "SELECT") as db:
            db.set_result(rows_returned=8)

    (span,) = spans.get_finished_spans()
    assert attributes(span) == DATABASE
    assert of_events(span) == [
        DATABASE,
        STORAGE,
        {
            "db.system.name": "postgresql",
            "db.operation.name": "SELECT",
            "lineage.vendor": "postgresql",
            "lineage.data.rows_returned": 8,
        },
    ]


def test_the_outer_of_two_nested_operations_has_the_span(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    with tracer.start_as_current_span("work"), track_db_operation("pg", "TRANSACTION"):
        put_an_object()

    (span,) = spans.get_finished_spans()
    assert attributes(span)["db.operation.name"] == "TRANSACTION"
    assert [found.get("db.operation.name") for found in of_events(span)] == [None, "TRANSACTION"]


def test_an_exception_is_recorded_once_by_its_owner(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    """fault 2.2-4: OpenTelemetry records it; we add its type to the operation's event, values nowhere."""
    error = ValueError("Key (email)=(anna@example.com) already exists")

    def work() -> None:
        with track_db_operation("pg", "INSERT") as db:
            db.set_error(error)
            raise error

    with (
        pytest.raises(ValueError, match="already"),
        tracer.start_as_current_span("work", record_exception=False, set_status_on_exception=False),
    ):
        work()
    with pytest.raises(ValueError, match="already"), tracer.start_as_current_span("recorded by the host"):
        work()

    quiet, recorded = spans.get_finished_spans()
    assert [event.name for event in quiet.events] == ["lineage.operation"]
    assert quiet.status.status_code is StatusCode.UNSET
    assert of_events(quiet)[0]["error.type"] == "ValueError"
    assert "anna" not in quiet.to_json()
    assert sorted(event.name for event in recorded.events) == ["exception", "lineage.operation"]


def test_a_span_tells_that_its_operation_was_cancelled(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    """fault 2.2-5: cancelled does not look like success."""

    def work() -> None:
        with track_db_operation("pg", "SELECT"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), tracer.start_as_current_span("work"):
        work()

    (span,) = spans.get_finished_spans()
    assert attributes(span)["lineage.operation.status"] == "cancelled"


def test_metadata_cannot_take_the_place_of_what_is_recorded(
    tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    """fault 2.2-7: reserved names are refused, others have a place of their own."""
    with tracer.start_as_current_span("work"), track_db_operation("pg", "SELECT") as db:
        db.add_metadata(**{"botanu.run_id": "mine", "db.system.name": "mine", "vendor": "mine"})

    (span,) = spans.get_finished_spans()
    assert attributes(span) == {
        "db.system.name": "postgresql",
        "db.operation.name": "SELECT",
        "lineage.vendor": "postgresql",
        "lineage.attributes.vendor": "mine",
    }


def test_attributes_reach_the_exporter(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    """fault 2.2-10: set while the span is open, not after its end, for every kind."""
    for work in (query_a_warehouse, put_an_object, publish, ask_a_model):
        with tracer.start_as_current_span("work"):
            work()

    assert [attributes(span)["lineage.vendor"] for span in spans.get_finished_spans()] == [
        "snowflake",
        "aws",
        "aws",
        "openai",
    ]


def test_a_span_that_has_ended_is_left_alone(
    tracer: Tracer, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """fault 2.2-10: an operation that outlives its span tells it nothing, and nobody complains."""
    span = tracer.start_span("work")
    with trace.use_span(span, end_on_exit=False):
        tracked = track_db_operation("pg", "SELECT")
        db = tracked.__enter__()
        span.end()
        db.set_result(rows_returned=1)
        tracked.__exit__(None, None, None)

    (ended,) = spans.get_finished_spans()
    assert attributes(ended) == {}
    assert caplog.records == []


def test_the_hosts_opentelemetry_and_logging_stay_as_they_are(
    tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    """fault 2.2-11: no provider is set, the host's exports, and no logging is configured."""
    before = trace.get_tracer_provider(), list(logging.getLogger().handlers), logging.getLogger().level
    configure(service_name="shop")
    with tracer.start_as_current_span("work"):
        query_a_warehouse()

    after = trace.get_tracer_provider(), list(logging.getLogger().handlers), logging.getLogger().level
    assert after == before
    assert len(spans.get_finished_spans()) == 1


def test_an_operation_names_its_trace(tracer: Tracer, spans: InMemorySpanExporter, told: Told) -> None:
    with tracer.start_as_current_span("work") as span:
        query_a_warehouse()

    (event,) = told()
    assert event["trace_id"] == format(span.get_span_context().trace_id, "032x")
    assert event["span_id"] == format(span.get_span_context().span_id, "016x")


def test_without_a_span_nothing_is_made_up(spans: InMemorySpanExporter, told: Told) -> None:
    query_a_warehouse()

    assert spans.get_finished_spans() == ()
    assert "trace_id" not in told()[0]


def test_metrics_without_an_operation_are_set_on_the_span(
    tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    """BT-20, BT-21: on the current span, zero kept and unknown left out."""
    with tracer.start_as_current_span("work"):
        set_data_metrics(rows_returned=0, bytes_written=5, objects_count=2)
        set_warehouse_metrics(query_id="01b-77", bytes_scanned=7, partitions_scanned=0)

    (span,) = spans.get_finished_spans()
    assert attributes(span) == {
        "lineage.data.rows_returned": 0,
        "lineage.data.bytes_written": 5,
        "lineage.data.objects_count": 2,
        "lineage.warehouse.query_id": "01b-77",
        "lineage.warehouse.bytes_scanned": 7,
        "lineage.warehouse.partitions_scanned": 0,
    }


def test_metrics_inside_an_operation_are_the_operations(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    """BT-20, BT-21: on the span as the operation's own."""
    with tracer.start_as_current_span("work"), track_db_operation("pg", "SELECT"):
        set_data_metrics(rows_returned=3)
        set_warehouse_metrics(query_id="q-1")

    (span,) = spans.get_finished_spans()
    expected = {
        "db.system.name": "postgresql",
        "db.operation.name": "SELECT",
        "lineage.vendor": "postgresql",
        "lineage.data.rows_returned": 3,
        "lineage.warehouse.query_id": "q-1",
    }
    assert attributes(span) == expected
    assert of_events(span) == [expected]


def test_an_outcome_is_set_on_the_span(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    """BT-27: status, and what of how much."""
    with tracer.start_as_current_span("work"):
        emit_outcome("success", value_type="orders", value_amount=42)

    (span,) = spans.get_finished_spans()
    assert attributes(span) == {
        "lineage.outcome.status": "success",
        "lineage.outcome.value_type": "orders",
        "lineage.outcome.value_amount": 42,
    }
