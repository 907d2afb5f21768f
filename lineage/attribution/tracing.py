"""The active OpenTelemetry span, where the host uses OpenTelemetry."""

from __future__ import annotations

import sys
from typing import Any

Trace = tuple[int, int, int]
"""Trace id, span id and flags, as OpenTelemetry has them."""


def current_span() -> Any:
    """Return the host's active span; None without OpenTelemetry. It is never loaded by us."""
    trace = sys.modules.get("opentelemetry.trace")
    return trace.get_current_span() if trace is not None else None


def current_trace() -> Trace | None:
    """Return the ids of the active span; None where there is none."""
    span = current_span()
    if span is None:
        return None
    found = span.get_span_context()
    return (found.trace_id, found.span_id, int(found.trace_flags)) if found.is_valid else None


def trace_fields(trace: Trace | None) -> dict[str, str]:
    """Return the ids as text: 32, 16 and 2 hexadecimal digits."""
    if trace is None:
        return {}
    return {
        "trace_id": format(trace[0], "032x"),
        "span_id": format(trace[1], "016x"),
        "trace_flags": format(trace[2], "02x"),
    }
