"""What a tracked operation costs the watched code, without and with OpenTelemetry, beside a plain span.

Each way is run in turns with the others, in batches; a figure is the median over the batches of the time that
the watched thread computes. `tracked` is `track_db_operation` with a result and a table set, inside a run.
`in a span` is what it adds to a span that the host has anyway, which gets its attributes and an event with
them; `by hand` is what these alone cost in its SDK. `a span` is a span of the host's own with four
attributes: what it would pay OpenTelemetry for the same knowledge.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable


def main(quick: bool) -> None:
    """Measure and print the microseconds of one operation."""
    from lineage import configure

    with tempfile.TemporaryDirectory() as folder:
        configure(store=f"{folder}/lineage.db", outbox=f"{folder}/outbox", service_name="benchmark")
        rounds = 5 if quick else 60
        without = measured({"bare": bare, "tracked": tracked}, rounds)
        with_it = with_opentelemetry(rounds)
        report("without OpenTelemetry", without, with_it["a span"])
        report("with OpenTelemetry's SDK", with_it, with_it["a span"])


def bare() -> None:
    """Do nothing, in the shape of the others."""


def tracked() -> None:
    from lineage import track_db_operation

    with track_db_operation("postgresql", "SELECT", database="shop") as db:
        db.set_result(rows_returned=10)
        db.set_table("orders", "public")


def with_opentelemetry(rounds: int) -> dict[str, float]:
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("benchmark")

    def plain_span() -> None:
        with tracer.start_as_current_span("db.postgresql.SELECT") as span:
            span.set_attribute("db.system.name", "postgresql")
            span.set_attribute("db.operation.name", "SELECT")
            span.set_attribute("db.collection.name", "orders")
            span.set_attribute("db.response.returned_rows", 10)

    def empty_span() -> None:
        with tracer.start_as_current_span("request"):
            pass

    def by_hand() -> None:
        with tracer.start_as_current_span("request") as span:
            span.set_attributes(ATTRIBUTES)
            span.add_event("operation", ATTRIBUTES)

    def tracked_in_a_span() -> None:
        with tracer.start_as_current_span("request"):
            tracked()

    ways = {"a span": plain_span, "empty": empty_span, "by hand": by_hand, "in a span": tracked_in_a_span}
    found = measured(ways, rounds)
    empty = found.pop("empty")
    return {name: cost if name == "a span" else cost - empty for name, cost in found.items()}


ATTRIBUTES = {
    "db.system.name": "postgresql",
    "db.operation.name": "SELECT",
    "db.namespace": "shop|public",
    "db.collection.name": "orders",
    "lineage.vendor": "postgresql",
    "lineage.data.rows_returned": 10,
    "lineage.operation.duration_ms": 1.5,
}


def measured(ways: dict[str, Callable[[], None]], rounds: int, calls: int = 200) -> dict[str, float]:
    """Return the median microseconds of a call of each way, inside a run."""
    from lineage import track_run
    from lineage.attribution import flush_queries

    taken: dict[str, list[float]] = {name: [] for name in ways}
    with track_run("benchmark"):
        for round_number in range(rounds + 2):
            for name, way in ways.items():
                started = time.thread_time()
                for _ in range(calls):
                    way()
                microseconds = (time.thread_time() - started) / calls * 1e6
                if round_number >= 2:
                    taken[name].append(microseconds)
            flush_queries()
    return {name: statistics.median(values) for name, values in taken.items()}


def report(title: str, found: dict[str, float], peer: float) -> None:
    print(f"\n{title}")
    for name, microseconds in found.items():
        print(f"{name:<14}{microseconds:>9.2f} us{microseconds / peer:>9.2f} x a span", flush=True)
