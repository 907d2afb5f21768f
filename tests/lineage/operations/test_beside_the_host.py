"""A program with OpenTelemetry and logging of its own, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

HOST = """
import json, logging
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
"""
BEFORE = HOST + "trace.set_tracer_provider(provider)\n"

WORK = """
import lineage
from lineage.attribution import flush_queries

def state():
    root = logging.getLogger()
    return [repr(trace._TRACER_PROVIDER), repr(root.handlers), root.level, repr(root.filters)]

before = state()
lineage.configure(service_name="shop", sink=["otel", "lineage"])

def work():
    with trace.get_tracer("host").start_as_current_span("request"):
        with lineage.trace_query("select 1"), lineage.track_db_operation("pg", "SELECT"):
            pass
        with lineage.track_storage_operation("s3", "PUT", "lake"):
            lineage.set_data_metrics(bytes_written=5)

work()
assert flush_queries(10)
unchanged = state() == before
"""
AFTER = "trace.set_tracer_provider(provider)\nwork()\nassert flush_queries(10)\n"
SAY = """
print(json.dumps([unchanged, trace.get_tracer_provider() is provider,
                  [sorted(event.name for event in span.events) for span in exporter.get_finished_spans()]]))
"""


@pytest.mark.parametrize(
    "program", [BEFORE + WORK, HOST + WORK + AFTER], ids=["set before", "set afterwards"]
)
def test_a_host_that_sets_up_tracing_exports_what_we_add(program: str) -> None:
    """fault 2.2-11: its provider stays the one it set, whenever that was, and its logging is its own."""
    done = subprocess.run([sys.executable, "-c", program + SAY], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")

    found: list[Any] = json.loads(done.stdout)
    assert found == [True, True, [["lineage.operation", "lineage.operation", "lineage.query"]]]
