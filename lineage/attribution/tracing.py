"""The active OpenTelemetry span, where the host uses OpenTelemetry. We never load it or set it up."""

from __future__ import annotations

import sys
from typing import Any

Trace = tuple[int, int, int]
"""Trace id, span id and flags, as OpenTelemetry has them."""

SPAN_EVENT = "lineage.query"

_NAMES = {
    "db_system": "db.system.name",
    "query_text": "db.query.text",
    "db_name": "db.namespace",
    "db_host": "server.address",
    "rows": "db.response.returned_rows",
    "query_fingerprint": "lineage.query.fingerprint",
    "status": "lineage.query.status",
    "duration_ms": "lineage.query.duration_ms",
    "event_id": "lineage.query.event_id",
    "parent_event_id": "lineage.query.parent_event_id",
    "raw_query_text": "lineage.query.raw_text",
    "query_id": "lineage.query.query_id",
    "bytes_read": "lineage.query.bytes_read",
    "bytes_written": "lineage.query.bytes_written",
    "client": "lineage.client",
    "operation": "lineage.operation",
    "actor": "lineage.actor",
    "agent": "lineage.agent",
    "request_id": "lineage.request_id",
    "job_id": "lineage.job_id",
    "session_id": "lineage.session_id",
    "run_id": "lineage.run_id",
}
"""Fields of a query's event as attributes: the stable names of the semantic conventions, else our own.

https://opentelemetry.io/docs/specs/semconv/database/database-spans/
"""

_CALLSITE = {"path": "code.file.path", "line": "code.line.number", "function": "code.function.name"}
_INT64 = 1 << 63


def may_be_in_span() -> bool:
    """Whether a host with OpenTelemetry may be inside a span: not where its context holds nothing at all.

    Asking that costs a fraction of asking for the span.
    """
    context = sys.modules.get("opentelemetry.context")
    return context is None or bool(context.get_current())


def trace_of(span: Any) -> Trace | None:
    """Return the ids of a span; None where it is no real one."""
    if span is None:
        return None
    found = span.get_span_context()
    return (found.trace_id, found.span_id, int(found.trace_flags)) if found.is_valid else None


def attached_trace(parent: str) -> Trace:
    """Return the ids of a valid `traceparent` of version 00."""
    return int(parent[3:35], 16), int(parent[36:52], 16), int(parent[53:55], 16)


def trace_fields(trace: Trace | None) -> dict[str, str]:
    """Return the ids as text: 32, 16 and 2 hexadecimal digits."""
    if trace is None:
        return {}
    return {
        "trace_id": format(trace[0], "032x"),
        "span_id": format(trace[1], "016x"),
        "trace_flags": format(trace[2], "02x"),
    }


def tell_span(span: Any, event: dict[str, Any], ended_at: int) -> None:
    """Add a query's event to the span it began under, which may have ended since: then it takes none.

    One span event per query, so that several queries of one span stay apart.
    """
    if span.is_recording():
        span.add_event(SPAN_EVENT, span_attributes(event), ended_at)


def span_attributes(event: dict[str, Any]) -> dict[str, str | int | float | bool]:
    """Return a query's event as attributes; those of the application under `lineage.attributes.`."""
    found = {name: event[field] for field, name in _NAMES.items() if field in event}
    if event["callsite"]["line"]:
        found |= {name: event["callsite"][part] for part, name in _CALLSITE.items()}
    if "query_text" in event and (words := event["query_text"].split(None, 1)):
        found["db.operation.name"] = words[0].upper()
    if "error" in event:
        found["error.type"] = event["error"]["type"]
        found["lineage.error.message"] = event["error"]["message"]
    for name, value in event.get("attributes", {}).items():
        found[f"lineage.attributes.{name}"] = value
    return {name: value for name, value in found.items() if not _too_large(value)}


def _too_large(value: object) -> bool:
    """Whether an exporter could not write a number: attributes are signed 64-bit integers."""
    return isinstance(value, int) and not -_INT64 <= value < _INT64
