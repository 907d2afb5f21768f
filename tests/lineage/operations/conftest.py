"""Operations as a test sees them: on their run, at the sinks, and on the host's spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from told_queries import Event, told_events

from lineage.attribution import prices
from lineage.operations import values


@pytest.fixture
def told() -> Iterator[Callable[[], list[Event]]]:
    """Give a function that returns what a sink was told of in this test."""
    with told_events("lineage") as take:
        yield take


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Give the exporter that the host's spans go to."""
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Tracer:
    """Give a tracer as a host sets one up, with the real SDK."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider.get_tracer("host")


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    """Begin without what was told once or read before."""
    values._told.clear()
    prices._read.cache_clear()
