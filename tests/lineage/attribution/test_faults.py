"""Whatever of ours fails, the call goes on as if nothing stood around it, and an event is told."""

from __future__ import annotations

import asyncio
import platform
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lineage import _guard, capture_query, configure, instrument_function, trace_query, track_run
from lineage.attribution import delivery, endings, event, functions, nesting
from lineage.attribution import query as query_module
from lineage.context import use

Event = dict[str, Any]
Told = Callable[[], list[Event]]


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a fault of ours")


STEPS = {
    "the clock": (query_module, "time_ns"),
    "the monotonic clock": (query_module, "perf_counter_ns"),
    "the statement's text": (query_module, "statement_text"),
    "the callsite": (query_module, "application_spots"),
    "the lines of the callsite": (event, "callsite"),
    "the context": (query_module, "current_scope"),
    "the open query": (nesting, "is_open"),
    "the sameness of statements": (nesting, "is_same"),
    "the trace": (query_module, "current_span"),
    "the context of the trace": (query_module, "may_be_in_span"),
    "the sanitizer": (event, "shape_sql"),
    "the error's redaction": (endings, "redact_text"),
    "the status": (query_module, "status_of"),
    "what is known": (event, "_present"),
    "the runs": (delivery, "count_to_runs"),
    "the implicit runs": (delivery, "tell_implicit_runs"),
}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    module = types.ModuleType("faulty_app")

    def execute(query: Any) -> object:
        if isinstance(query, str) and query == "fail":
            raise KeyError("host")
        return RESULT

    async def execute_async(query: Any) -> object:
        await asyncio.sleep(0)
        return execute(query)

    module.execute, module.execute_async = execute, execute_async  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faulty_app", module)
    instrument_function("faulty_app.execute", query_arg=0, db_system="postgresql")
    instrument_function("faulty_app.execute_async", query_arg=0, db_system="postgresql")
    yield module
    for instrument in list(functions._installed.values()):
        instrument.uninstall()


RESULT = object()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_costs_the_call_nothing_and_the_event_only_its_part(
    told: Told, app: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """DC-07, DC-58: fault 2.1.3-10, fault 3-6: required fields, status and context where known."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", types.ModuleType("opentelemetry.trace"))
    monkeypatch.delitem(sys.modules, "opentelemetry.context", raising=False)  # it would say: in no span
    owner, name = STEPS[step]
    monkeypatch.setattr(owner, name, broken)
    with use(request_id="r1"), trace_query("select 1 from outer_one"):
        assert app.execute("select a from t") is RESULT
        assert asyncio.run(app.execute_async("select b from t")) is RESULT
        with pytest.raises(KeyError) as raised:
            app.execute("fail")
    assert raised.value.__context__ is None
    assert raised.traceback[-1].name == "execute"
    events = told()
    assert len(events) == 4
    assert [one["status"] for one in events].count("error") == 1
    if step not in ("the context", "what is known", "the open query", "the sameness of statements"):
        assert [one["request_id"] for one in events] == ["r1"] * 4
    if step != "what is known":
        assert [one["error"]["type"] for one in events if "error" in one] == ["KeyError"]
    assert _guard.faults


def test_a_broken_clock_leaves_the_epoch(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """DC-58: a time that is not known is none that could be taken for true."""
    monkeypatch.setattr(query_module, "time_ns", broken)
    with trace_query("select 1"):
        pass
    (one,) = told()
    assert one["started_at"] == one["ended_at"] == "1970-01-01T00:00:00.000Z"
    assert (one["duration_ms"], one["query_text"]) == (0.0, "select ?")


class Unspeakable:
    """Nothing of it can be read."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no attributes")


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_error_without_a_text_is_told_with_its_type(told: Told) -> None:
    """DC-07, DC-58: fault 2.1.3-10: `str(exc)` raises; rows, context and trace stay."""
    error = UnspeakableError()
    with pytest.raises(UnspeakableError) as raised, use(actor="u1"), trace_query("q") as query:  # noqa: PT012
        query.set(rows=4)
        raise error
    assert raised.value is error
    (one,) = told()
    assert one["error"] == {"type": "UnspeakableError", "message": ""}
    assert (one["status"], one["rows"], one["actor"]) == ("error", 4, "u1")


def test_values_that_cannot_be_read_reach_nobody(told: Told, app: Any) -> None:
    """DC-07: fault 2.1.3-10, fault 2.1.3-14: query, attributes, rows, ids and context without a text."""
    odd = Unspeakable()
    assert app.execute(odd) is RESULT
    with (
        use(operation=odd, attributes=odd),  # type: ignore[arg-type]
        trace_query(odd, attributes={"odd": odd, "even": 2}) as query,
    ):
        query.set(rows=odd, query_id=odd, bytes_read=3)
    with trace_query("q", attributes=5):  # type: ignore[arg-type]
        pass
    first, second, third = told()
    assert second["attributes"] == {"even": 2} or "attributes" not in second
    assert second["bytes_read"] == 3
    assert third["query_text"] == "q"
    assert all(one["query_fingerprint"].startswith("sha256:") for one in (first, second, third))


def test_our_faults_are_logged_once_and_without_data(
    told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DC-57: fault 2.1.3-9."""

    def leaking(*_: Any, **__: Any) -> Any:
        raise ValueError("hunter2")

    monkeypatch.setattr(event, "shape_sql", leaking)
    for _ in range(100):
        capture_query("select 'hunter2'")
    assert len(told()) == 100
    assert len(caplog.records) == 1
    assert "hunter2" not in caplog.text


def test_a_broken_setting_stops_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """DC-07: settings that cannot be read capture nothing."""
    from lineage.config import reset_config

    monkeypatch.setenv("LINEAGE_CALLSITE_FRAMES", "many")
    reset_config()
    with trace_query("q") as query:
        query.set(rows=1)
    assert query.ended


def test_a_run_s_own_end_is_not_hurt_by_its_queries(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """DC-07: a fault while queries are counted to a run."""
    configure(sink="lineage")
    monkeypatch.setattr(delivery, "count_to_runs", broken)
    with track_run("load"):
        capture_query("q")
    assert _guard.faults["attributing queries"] == 1


def test_interrupts_of_the_host_pass(told: Told) -> None:
    """DC-06: KeyboardInterrupt, SystemExit and CancelledError are the host's own."""
    for error in (KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()):
        with pytest.raises(BaseException) as raised, trace_query("q"):  # noqa: PT011
            raise error
        assert raised.value is error
    assert [one["status"] for one in told()] == ["cancelled"] * 3


PARTS = {
    "_trace": "trace_id",
    "_scope": "request_id",
    "_run": "run_id",
    "_parent": "parent_event_id",
    "_measures": "rows",
    "_error": "error",
    "_attributes": "attributes",
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_an_event_that_fails_costs_that_part(
    told: Told, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """DC-58: fault 2.1.3-10: trace, error, rows, context, run and attributes do not hang on one another."""
    monkeypatch.setattr(event, part, broken)

    def ask() -> None:
        with trace_query("select 1", attributes={"a": 1}) as query:
            query.set(rows=3)
            query.parent, query.trace = query, (1, 2, 0)
            raise KeyError("host")

    with pytest.raises(KeyError), track_run("load"), use(request_id="r1"):
        ask()
    (one,) = told()
    expected = {"status", *PARTS.values()} - {PARTS[part]}
    assert expected <= one.keys()
    assert PARTS[part] not in one


def test_a_host_without_a_name_costs_the_name_only(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """DC-58: as where `os.uname` is absent."""
    monkeypatch.setattr(platform, "node", broken)
    capture_query("q", rows=2)
    (one,) = told()
    assert (one["host"], one["rows"]) == ("unknown", 2)


def test_an_event_that_cannot_be_told_costs_no_other_one(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """DC-58: of queries told together."""
    real = event.event_id
    monkeypatch.setattr(event, "event_id", lambda query: broken() if query.rows == 1 else real(query))
    for number in range(3):
        capture_query("q", rows=number)
    assert [one["rows"] for one in told()] == [0, 2]
