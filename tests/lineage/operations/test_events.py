"""Operations, metrics and outcomes as sinks are told of them; the fixture holds each against its schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from told_queries import Event, event_errors

from lineage import (
    context,
    emit_outcome,
    set_warehouse_metrics,
    track_db_operation,
    track_llm_call,
    track_messaging_operation,
    track_run,
    track_storage_operation,
)
from lineage.operations.operation import MEASURES

Told = Callable[[], list[Event]]


def do_all() -> None:
    """Have an event of each kind, with each field that it can have."""
    who = {name: name for name in ("operation", "actor", "agent", "request_id", "job_id", "session_id")}
    with track_run("job"), context.use(**who, attributes={"tenant": "acme"}):
        with track_db_operation("pg", "SELECT", "shop", namespace="postgres://db:5432", note=1) as db:
            db.set_table("orders", "sales")
            db.set(**dict.fromkeys(MEASURES, 0))
            db.set_query_id("q")
            db.set_error(ValueError("no"))
        with track_storage_operation("s3", "PUT", "lake", "raw"):
            pass
        with track_messaging_operation("kafka", "publish"):
            pass
        with track_llm_call("openai", "gpt"):
            pass
        set_warehouse_metrics("q", 0, 0, 0)
        emit_outcome("success", value_type="orders", value_amount=1.5)


def test_what_is_no_query_tells_nothing_of_a_statement(told: Told) -> None:
    do_all()

    events = told()
    assert [event["event_name"] for event in events] == [
        *["lineage.operation"] * 4,
        "lineage.metrics",
        "lineage.outcome",
    ]
    assert not {
        name for event in events for name in event if name.startswith(("query_text", "query_f", "db_s"))
    }
    assert "<unknown>" not in str(events)
    assert [event.get("query_id") for event in events] == ["q", None, None, None, "q", None]


@pytest.mark.parametrize("place", range(6))
def test_the_schemas_know_each_field_and_require_what_is_certain(told: Told, place: int) -> None:
    """What is told is what is published, no more and no less."""
    do_all()
    event = told()[place]

    assert event_errors(event) == []
    assert event_errors({**event, "surprise": 1})
    certain = {"schema_version", "event_id", "timestamp", "status", "callsite", "host", "pid"}
    certain |= {name for name in ("kind", "system", "vendor", "outcome_status") if name in event}
    for name in certain:
        assert event_errors({key: value for key, value in event.items() if key != name})


@pytest.mark.parametrize(
    "wrong",
    [
        {"bytes_read": -1},
        {"objects": 1.5},
        {"kind": "cache"},
        {"dataset_name": "a name without a namespace"},
        {"schema_version": "2"},
        {"event_id": "7"},
        {"attributes": {"a": [1]}},
    ],
)
def test_the_schema_refuses_what_no_event_says(told: Told, wrong: dict[str, Any]) -> None:
    with track_db_operation("pg", "SELECT"):
        pass

    (event,) = told()
    assert event_errors(event | wrong)
