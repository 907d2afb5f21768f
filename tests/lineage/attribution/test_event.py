"""The flat event of a query: its fields, its times, and what extends it."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from told_queries import SCHEMA

from lineage import capture_query, configure, trace_query, track_run
from lineage.attribution import CallbackSink
from lineage.attribution import query as query_module
from lineage.attribution.event import time_text
from lineage.context import use

Event = dict[str, Any]
Told = Callable[[], list[Event]]

REQUIRED = {
    "event_name",
    "timestamp",
    "started_at",
    "ended_at",
    "service_name",
    "environment",
    "db_system",
    "client",
    "query_fingerprint",
    "duration_ms",
    "callsite",
    "status",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def milliseconds(event: Event, name: str) -> float:
    return datetime.fromisoformat(event[name]).timestamp() * 1000


def test_every_event_has_the_required_fields_and_a_name_of_our_own(told: Told) -> None:
    """DC-08, DC-09: and `told` holds the events of every test that uses it against the published schema."""
    with trace_query("select 1", db_system="sqlite", client="sqlite3"):
        pass
    capture_query()
    for event in told():
        assert event.keys() >= REQUIRED
        assert event["event_name"] == "lineage.query"
        assert event["schema_version"] == "1"
    assert len(told()) == 2


def test_the_timestamp_is_the_end_in_utc_with_milliseconds(told: Told) -> None:
    """DC-10: fault 3-4: also at an exact second, where the fraction must not vanish."""
    capture_query("select 1", started_at="2026-03-01T10:00:00+01:00", ended_at="2026-03-01T10:00:02+01:00")
    with trace_query("select 1"):
        pass
    exact, now = told()
    assert exact["timestamp"] == exact["ended_at"] == "2026-03-01T09:00:02.000Z"
    assert now["timestamp"] == now["ended_at"]
    assert TIME.fullmatch(now["timestamp"])
    assert abs(milliseconds(now, "timestamp") - time.time() * 1000) < 60_000


@pytest.mark.parametrize("nanoseconds", [0, 999_999, 1_000_000, 1_767_225_599_999_999_999, -5, 10**30])
def test_a_time_is_cut_to_milliseconds_and_never_fails(nanoseconds: int) -> None:
    assert TIME.fullmatch(time_text(nanoseconds))


def test_a_time_of_the_float_s_edge_keeps_its_millisecond() -> None:
    for millisecond in range(1000):
        assert time_text((1_767_225_600_000 + millisecond) * 1_000_000).endswith(f".{millisecond:03d}Z")


def test_start_end_and_duration_agree_when_the_clock_is_set_back(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DC-11: fault 3-4: the end is the start and the monotonic duration, no second reading."""
    with trace_query("select 1"):
        monkeypatch.setattr(query_module, "time_ns", lambda: 0)
        time.sleep(0.02)
    (event,) = told()
    assert event["duration_ms"] >= 20
    assert abs(milliseconds(event, "ended_at") - milliseconds(event, "started_at") - event["duration_ms"]) < 1


def test_the_fingerprint_is_of_the_statement_s_shape(told: Told) -> None:
    """DC-12, DC-13: other literals, the same fingerprint and text; another table, another one."""
    for sql in (
        "select a from t where b = 1",
        "SELECT a FROM t WHERE b = 'x'",
        "select a from u where b = 1",
    ):
        capture_query(sql)
    first, second, third = told()
    assert first["query_text"] == second["query_text"] == "select a from t where b = ?"
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", first["query_fingerprint"])
    assert first["query_fingerprint"] == second["query_fingerprint"] != third["query_fingerprint"]


def test_the_status_is_ok_or_error_and_an_error_is_told_before_the_caller_sees_it(told: Told) -> None:
    """DC-15, DC-16: with type and message, both without data."""
    with trace_query("select 1"):
        pass
    try:
        with trace_query("insert"):
            raise sqlite3.IntegrityError("Key (email)=(bob@corp.com) already exists.")
    except sqlite3.IntegrityError:
        ok, failed = told()
    assert (ok["status"], failed["status"]) == ("ok", "error")
    assert "error" not in ok
    assert failed["error"]["type"] == "IntegrityError"
    assert "already exists" in failed["error"]["message"]
    assert "bob@corp.com" not in json.dumps(failed)


def attributed(name: str) -> Callable[[], None]:
    def capture() -> None:
        with use(**{name: "v"}):
            capture_query("q")

    return capture


OPTIONAL: dict[str, Callable[[], None]] = {
    "rows": lambda: capture_query("q", rows=0),
    "bytes_read": lambda: capture_query("q", bytes_read=0),
    "bytes_written": lambda: capture_query("q", bytes_written=7),
    "query_id": lambda: capture_query("q", query_id="01ab"),
    "db_name": lambda: capture_query("q", db_name="shop"),
    "db_host": lambda: capture_query("q", db_host="db1"),
    "attributes": lambda: capture_query("q", attributes={"tenant": "t"}),
    "error": lambda: capture_query("q", error=ValueError("x")),
    **{
        name: attributed(name)
        for name in ("operation", "actor", "request_id", "job_id", "session_id", "agent")
    },
}


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_field_is_there_when_it_was_said_and_absent_otherwise(told: Told, name: str) -> None:
    """DC-17: absent, not null; zero is a value."""
    capture_query("q")
    OPTIONAL[name]()
    without, with_it = told()
    assert without.keys() & (OPTIONAL.keys() | {"trace_id", "span_id", "trace_flags"}) == set()
    assert name in with_it
    assert None not in with_it.values()
    if name in ("rows", "bytes_read"):
        assert with_it[name] == 0


def test_what_a_driver_does_not_know_is_not_told(told: Told) -> None:
    """DC-17: fault 3-13: the -1 of drivers is unknown, as is what cannot be read; the rest stays."""
    with trace_query("q") as query:
        query.set(rows=-1, bytes_read="many", bytes_written=3, nothing=1)
    (event,) = told()
    assert "rows" not in event
    assert "bytes_read" not in event
    assert event["bytes_written"] == 3


def test_what_is_set_after_the_block_is_ignored(told: Told) -> None:
    with trace_query("q") as query:
        query.set(rows=1)
    query.set(rows=2, attributes={"late": True})
    query.end(ValueError("late"))
    (event,) = told()
    assert (event["rows"], event["status"]) == (1, "ok")
    assert "attributes" not in event


def test_attributes_cannot_touch_the_other_fields(told: Told) -> None:
    """DC-21: fault 3-8: a team's own data stands apart, in any number and under any name."""
    capture_query("q", attributes={"status": "mine", "event_name": "mine", "event_id": "x"})
    with use(attributes={f"around{number}": number for number in range(32)}):
        capture_query("q", attributes={f"k{number}": number for number in range(100)})
    first, second = told()
    assert (first["status"], first["event_name"]) == ("ok", "lineage.query")
    assert first["attributes"] == {"status": "mine", "event_name": "mine", "event_id": "x"}
    assert len(second["attributes"]) == 32


def test_attributes_are_short_and_of_four_types(told: Told) -> None:
    """DC-21: fault 3-8: numbers, truths and texts of bounded length; what is none is told as its text."""
    capture_query(
        "q", attributes={"long": "x" * 100_000, "n": 1, "f": 1.5, "b": True, "list": [1], "x": None}
    )
    (event,) = told()
    assert len(event["attributes"]["long"]) <= 256
    assert {type(value) for value in event["attributes"].values()} <= {str, int, float, bool}
    assert event["attributes"]["list"] == "[1]"


def test_the_schema_of_events_has_the_version_that_events_name(told: Told) -> None:
    """DC-21: the published file and the field say the same, and no field is told that it does not have."""
    capture_query("q")
    (event,) = told()
    assert SCHEMA.name == "QueryEvent.json"
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema["properties"]["schema_version"] == {"const": event["schema_version"]}
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) >= REQUIRED


def test_the_event_of_a_usual_query_is_this_one(told: Told) -> None:
    """DC-21, DC-22: a golden event, flat and of JSON types only."""
    with use(operation="checkout", actor="u1", attributes={"tenant": "acme"}):
        capture_query(
            "SELECT 1",
            db_system="postgresql",
            client="psycopg",
            started_at=1_772_355_600.5,
            duration_ms=12.5,
            rows=1,
            attributes={"step": 2},
        )
    (event,) = told()
    assert json.loads(json.dumps(event, allow_nan=False)) == event
    varying = {"event_id", "host", "pid", "thread_id", "callsite"}
    assert {name: value for name, value in event.items() if name not in varying} == {
        "event_name": "lineage.query",
        "schema_version": "1",
        "timestamp": "2026-03-01T09:00:00.512Z",
        "started_at": "2026-03-01T09:00:00.500Z",
        "ended_at": "2026-03-01T09:00:00.512Z",
        "duration_ms": 12.5,
        "service_name": "shop",
        "environment": "test",
        "db_system": "postgresql",
        "client": "psycopg",
        "status": "ok",
        "query_fingerprint": event["query_fingerprint"],
        "query_text": "select ?",
        "operation": "checkout",
        "actor": "u1",
        "rows": 1,
        "attributes": {"tenant": "acme", "step": 2},
    }


def test_events_load_as_rows_of_a_table(told: Told) -> None:
    """DC-22: each field is a number, a text, or an object that is stored as JSON text."""
    for number in range(3):
        capture_query("select 1", rows=number, attributes={"n": number})
    with sqlite3.connect(":memory:") as database:
        for event in told():
            row = {
                name: json.dumps(value) if isinstance(value, dict) else value for name, value in event.items()
            }
            columns = ", ".join(row)
            database.execute(f"create table if not exists queries ({columns})")
            database.execute(
                f"insert into queries ({columns}) values ({', '.join('?' * len(row))})", [*row.values()]
            )
        found = database.execute(
            "select sum(rows), max(json_extract(attributes, '$.n')), count(distinct event_id) from queries"
        ).fetchone()
    database.close()
    assert found == (3, 2, 3)


def test_an_event_is_nobody_else_s(told: Told) -> None:
    """Fault 2.1.3-19: what the application or another sink changes later does not change the event."""
    seen: list[Event] = []

    def spoil(event: Event) -> None:
        seen.append(dict(event))
        event.clear()

    events: list[Event] = []
    configure(sink=[spoil, CallbackSink(events.append)])
    given = {"list": [1, 2], "plain": 1}
    with trace_query("q", attributes=given):
        given["plain"] = 2
        given["list"].append(3)  # type: ignore[attr-defined]
    told()
    assert events == seen
    assert events[0]["attributes"] == {"list": "[1, 2]", "plain": 1}


def test_a_query_inside_a_run_names_it(told: Told) -> None:
    """DC-20: the run and its job; nothing of it outside."""
    with track_run("load", job_namespace="shop-etl") as run:
        capture_query("q")
    capture_query("q")
    inside, outside = told()
    assert inside["run_id"] == run.run_id
    assert (inside["job_namespace"], inside["job_name"]) == ("shop-etl", "load")
    assert "run_id" not in outside


def test_each_event_has_an_id_that_sorts_by_time(told: Told) -> None:
    """Fault 3-12: an event id, a schema version, host, process and thread."""
    for _ in range(3):
        capture_query("q")
        time.sleep(0.002)
    ids = [event["event_id"] for event in told()]
    assert ids == sorted(set(ids))
    assert {"schema_version", "host", "pid", "thread_id"} <= told()[0].keys()
    assert datetime.fromtimestamp(int(ids[0].replace("-", "")[:12], 16) / 1000, UTC).year >= 2024
