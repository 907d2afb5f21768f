"""With OpenTelemetry's own SDK: ids of the active span, and queries as events of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lineage import _guard, attach, capture_query, configure, trace_query, track_run
from lineage.context import use
from lineage.testing import capture

Event = dict[str, Any]
Told = Callable[[], list[Event]]


class Tracing:
    """A provider of the test's own; the global one is left alone."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("test")

    def ended(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def queries(self) -> list[dict[str, Any]]:
        return [dict(event.attributes or {}) for span in self.ended() for event in span.events]


@pytest.fixture
def tracing() -> Tracing:
    return Tracing()


def test_the_ids_of_the_active_span_are_told(told: Told, tracing: Tracing) -> None:
    """DC-51, DC-20: as the span has them, in hexadecimal; absent outside of one."""
    with tracing.tracer.start_as_current_span("request") as span, trace_query("q"):
        pass
    with trace_query("q"):
        pass
    inside, outside = told()
    ids = span.get_span_context()
    assert inside["trace_id"] == f"{ids.trace_id:032x}"
    assert inside["span_id"] == f"{ids.span_id:016x}"
    assert inside["trace_flags"] == f"{int(ids.trace_flags):02x}"
    assert ids.trace_flags.sampled
    assert not {"trace_id", "span_id", "trace_flags"} & outside.keys()


ATTACHED = {"traceparent": f"00-{'a' * 32}-{'0' * 15}b-01"}


def ids_of(event: Event) -> tuple[str | None, ...]:
    return tuple(event.get(name) for name in ("trace_id", "span_id", "trace_flags"))


def test_without_a_span_the_ids_are_those_of_the_carrier(told: Told, tracing: Tracing) -> None:
    """DC-51, DC-20: what a request or message came with; a span inside goes before it."""
    with attach(ATTACHED):
        capture_query("attached")
        with tracing.tracer.start_as_current_span("request") as span:
            capture_query("in a span")
        with attach({}):
            capture_query("nothing attached")
    capture_query("outside")
    attached, in_span, nothing, outside = map(ids_of, told())
    assert attached == ("a" * 32, "0" * 15 + "b", "01")
    assert in_span[0] == f"{span.get_span_context().trace_id:032x}"
    assert nothing == outside == (None, None, None)


def test_the_facet_of_a_run_has_the_attached_trace() -> None:
    """DC-20: of a program that knows no OpenTelemetry."""
    with capture(fixed=False) as events, attach(ATTACHED), track_run("load"):
        capture_query("SELECT a FROM t")
    (query,) = events[-1]["run"]["facets"]["lineageGraph_queryAttribution"]["queries"]
    assert query["traceIds"] == ["a" * 32]


def test_every_event_of_a_run_says_which_trace_it_began_in(tracing: Tracing) -> None:
    """DC-20: that of the active span, else the one attached; none where there is none."""
    with capture(fixed=False) as events:
        with (
            tracing.tracer.start_as_current_span("request") as span,
            attach(ATTACHED),
            track_run("in a span"),
        ):
            pass
        with attach(ATTACHED), track_run("attached"):
            pass
        with track_run("outside"):
            pass
    facets = [event["run"]["facets"].get("lineageGraph_trace") for event in events]
    ids = [facet and (facet["traceId"], facet["spanId"], facet["traceFlags"]) for facet in facets]
    own = span.get_span_context()
    active = (f"{own.trace_id:032x}", f"{own.span_id:016x}", f"{int(own.trace_flags):02x}")
    assert ids == [active, active, *[("a" * 32, "0" * 15 + "b", "01")] * 2, None, None]


def test_a_forked_child_is_in_no_trace_of_its_parent(told: Told) -> None:
    with attach(ATTACHED):
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            told()
            capture_query("in the child")
            os.write(writer, json.dumps([ids_of(event) for event in told()]).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            assert json.loads(said.read()) == [[None, None, None]]
        os.waitpid(child, 0)


def test_the_ids_are_those_of_the_begin_in_tasks_too(told: Told, tracing: Tracing) -> None:
    async def work(number: int) -> None:
        with tracing.tracer.start_as_current_span(f"request {number}") as span, use(actor=str(number)):
            async with trace_query("q", attributes={"span": f"{span.get_span_context().span_id:016x}"}):
                await asyncio.sleep(0.01)

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(20)))

    asyncio.run(main())
    assert len({event["span_id"] for event in told()}) == 20
    assert all(event["span_id"] == event["attributes"]["span"] for event in told())


def test_two_queries_of_one_span_are_both_there(tracing: Tracing) -> None:
    """DC-52, DC-56: fault 2.1.3-17, fault 3-14: an event of the span for each, nothing is overwritten."""
    configure(sink="otel")
    with (
        tracing.tracer.start_as_current_span("request") as span,
        use(operation="checkout", request_id="r1", actor="u1", attributes={"tenant": "acme"}),
    ):
        with trace_query(
            "SELECT a FROM t WHERE b = 'hunter2'", db_system="postgresql", db_name="shop", db_host="db1"
        ) as query:
            query.set(rows=0)
        with pytest.raises(ValueError, match="x"), trace_query("DELETE FROM t"):
            raise ValueError("x")
        attributes_while_open = dict(span.attributes)  # type: ignore[attr-defined]
    assert attributes_while_open == {}
    first, second = tracing.queries()
    expected = {
        "db.system.name": "postgresql",
        "db.query.text": "select a from t where b = ?",
        "db.operation.name": "SELECT",
        "db.namespace": "shop",
        "server.address": "db1",
        "db.response.returned_rows": 0,
        "code.file.path": __file__,
        "lineage.query.status": "ok",
        "lineage.operation": "checkout",
        "lineage.request_id": "r1",
        "lineage.actor": "u1",
        "lineage.attributes.tenant": "acme",
    }
    assert {name: first.get(name) for name in expected} == expected
    assert first["lineage.query.fingerprint"].startswith("sha256:")
    assert first["lineage.query.duration_ms"] >= 0
    assert (second["db.operation.name"], second["lineage.query.status"]) == ("DELETE", "error")
    assert second["error.type"] == "ValueError"
    assert "hunter2" not in str([first, second])
    assert [event.name for event in tracing.ended()[0].events] == ["lineage.query"] * 2


def test_the_event_is_there_when_the_span_ends_right_after_the_query(tracing: Tracing) -> None:
    """DC-56: added in the application's thread, at the query's end."""
    configure(sink="otel")
    for _ in range(20):
        with tracing.tracer.start_as_current_span("request"), trace_query("q"):
            pass
    assert len(tracing.queries()) == 20


def test_the_event_belongs_to_the_span_the_query_began_under(
    tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    """DC-56: a span that was opened inside the query takes nothing; one that has ended is left as it is."""
    configure(sink="otel")
    with tracing.tracer.start_as_current_span("outer"):
        query = trace_query("q")
        query.__enter__()
        with tracing.tracer.start_as_current_span("inner"):
            query.__exit__(None, None, None)
        late = trace_query("late")
        late.__enter__()
    late.__exit__(None, None, None)
    by_name = {span.name: len(span.events) for span in tracing.ended()}
    assert by_name == {"inner": 0, "outer": 1}
    assert not _guard.faults
    assert caplog.records == []


def test_attributes_are_of_types_that_exporters_can_write(tracing: Tracing, caplog: Any) -> None:
    """DC-22: numbers beyond 64 bits are left out; nothing is warned of."""
    configure(sink="otel")
    with tracing.tracer.start_as_current_span("request"):
        capture_query("q", attributes={"big": 1 << 70, "small": 3, "flag": True, "text": "x"})
    (attributes,) = tracing.queries()
    assert {name for name in attributes if name.startswith("lineage.attributes.")} == {
        "lineage.attributes.small",
        "lineage.attributes.flag",
        "lineage.attributes.text",
    }
    assert caplog.records == []


def test_without_the_sink_nothing_is_added_to_spans(told: Told, tracing: Tracing) -> None:
    """DC-50: passive unless asked."""
    with tracing.tracer.start_as_current_span("request"), trace_query("q"):
        pass
    assert len(told()) == 1
    assert tracing.queries() == []


def test_a_span_that_is_broken_costs_the_event_of_the_span_only(told: Told) -> None:
    """DC-58: fault 2.1.3-10: the query keeps everything else."""

    class Broken(trace.NonRecordingSpan):
        def is_recording(self) -> bool:
            raise RuntimeError("broken")

        def add_event(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("broken")

    events: list[Event] = []
    configure(sink=["otel", events.append])
    span = Broken(trace.SpanContext(1, 2, is_remote=False))
    with trace.use_span(span), trace_query("q") as query:
        query.set(rows=2)
    told()
    assert (events[0]["rows"], events[0]["trace_id"]) == (2, "0" * 31 + "1")


def test_the_provider_and_the_global_state_stay_as_they_are(tracing: Tracing) -> None:
    """DC-50: no tracing is set up and none is replaced."""
    before = trace.get_tracer_provider()
    configure(sink=["otel", "lineage"])
    with trace_query("q"):
        pass
    with tracing.tracer.start_as_current_span("request") as span, trace_query("q"):
        assert trace.get_current_span() is span
    assert trace.get_tracer_provider() is before
    assert trace._TRACER_PROVIDER is None


def test_opentelemetry_is_never_loaded_by_us() -> None:
    """DC-50, DC-01: also not with its sink."""
    code = """
import sys
from lineage import configure, trace_query
from lineage.attribution import flush_queries
configure(sink=["otel", "stdout"])
with trace_query("select 1"): pass
assert flush_queries(10)
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
