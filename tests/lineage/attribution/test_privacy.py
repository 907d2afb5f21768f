"""What of a statement leaves the process, and when."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lineage import capture_query, configure, trace_query, track_run
from lineage.attribution import flush_queries
from lineage.testing import CapturedEvents

Event = dict[str, Any]
Told = Callable[[], list[Event]]

SECRET = "hunter2secret"
PLANTED = [
    f"select * from users where password = '{SECRET}'",
    f"select 1 -- {SECRET}",
    f"select 1 /* {SECRET} */ from t",
    f"select $${SECRET}$$",
    f"select E'it\\'s {SECRET}'",
    f"insert into t values ('{SECRET}'), ('b')",
    f"select '{SECRET} unfinished",
]


@pytest.mark.parametrize("statement", PLANTED)
def test_no_sink_log_span_or_event_shows_a_value(
    statement: str,
    tmp_path: Path,
    lineage_events: CapturedEvents,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """DC-46: fault 3-3: file, callback, streams, span events, lineage events, the log, and error messages."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    events: list[Event] = []
    path = tmp_path / "q.jsonl"
    configure(sink=["lineage", "otel", "stderr", "stdout", f"file:{path}", events.append])
    with (
        caplog.at_level(logging.DEBUG),
        track_run("load"),
        provider.get_tracer("t").start_as_current_span("request"),
    ):
        with trace_query(statement, db_system="postgresql"):
            pass
        with pytest.raises(ValueError, match=SECRET), trace_query(statement):
            raise ValueError(f"Key (password)=('{SECRET}') already exists.")
        capture_query(statement.encode())
    assert flush_queries(10)
    spans = [span.to_json() for span in exporter.get_finished_spans()]
    streams = capsys.readouterr()
    everything = [json.dumps(events), path.read_text(), *spans, streams.out, streams.err, caplog.text]
    everything += [json.dumps(one) for one in lineage_events]
    assert len(events) == 3
    assert "lineage.query" in spans[0]
    assert "queryAttribution" in "".join(everything)
    assert [text for text in everything if SECRET in text] == []


def test_the_text_without_values_is_told_by_default(told: Told) -> None:
    """DC-13, DC-46: and the raw text is not."""
    capture_query("SELECT A FROM T WHERE B = 'x'")
    (event,) = told()
    assert event["query_text"] == "select a from t where b = ?"
    assert "raw_query_text" not in event


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("here", [True, False, None])
def test_the_text_can_be_left_out_for_all_or_for_one(told: Told, everywhere: bool, here: bool | None) -> None:
    """DC-47: the fingerprint stays; what the call says comes before the setting, both ways."""
    configure(include_query_text=everywhere)
    with trace_query("select 1", include_query_text=here):
        pass
    capture_query("select 1", include_query_text=here)
    wanted = everywhere if here is None else here
    assert [("query_text" in event) for event in told()] == [wanted, wanted]
    assert all(event["query_fingerprint"].startswith("sha256:") for event in told())


def test_the_raw_text_is_told_byte_for_byte_when_asked_for(told: Told) -> None:
    """DC-49: for all queries, or for one."""
    raw = "SELECT  'it''s \u00e9' -- x\n\tFROM t\r\n"
    capture_query(raw, include_raw_query_text=True)
    configure(include_raw_query_text=True)
    capture_query(raw)
    capture_query(raw, include_raw_query_text=False)
    first, second, third = told()
    assert first["raw_query_text"] == second["raw_query_text"] == raw
    assert "raw_query_text" not in third


def test_no_text_means_no_raw_text_either(told: Told) -> None:
    """DC-47, DC-49: part 2.1.2: without the text there is none with values."""
    configure(include_query_text=False, include_raw_query_text=True)
    capture_query("select 'x'")
    (event,) = told()
    assert "query_text" not in event
    assert "raw_query_text" not in event


def test_the_raw_text_never_goes_into_lineage_events(lineage_events: CapturedEvents) -> None:
    """DC-46, DC-49: it is for the sinks that were named."""
    configure(include_raw_query_text=True, sink="lineage")
    with track_run("load"):
        capture_query(f"select '{SECRET}'")
    assert SECRET not in json.dumps(list(lineage_events))
