"""The distributed trace that code works in, as W3C trace context has it.

https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Trace:
    """The values of `traceparent` and, where there is one, of `tracestate`."""

    parent: str
    state: str | None = None

    @property
    def trace_id(self) -> str:
        """The id of the trace: 32 hexadecimal digits."""
        return self.parent[3:35]


_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x20-\x7e]*)?")
_STATE = re.compile(r"[\x20-\x7e\t]{1,512}")


def read_trace(parent: str, state: str = "") -> Trace | None:
    """Return the trace of the two headers; None where `traceparent` is not valid.

    A later version than ours is read as far as it is known, as the specification asks.
    """
    match = _PARENT.fullmatch(parent.strip(" \t")) if len(parent) <= 512 else None
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5] is not None):
        return None
    if not int(match[2], 16) or not int(match[3], 16):
        return None
    flags = match[4] if match[1] == "00" else format(int(match[4], 16) & 1, "02x")
    state = state.strip(" \t")
    return Trace(f"00-{match[2]}-{match[3]}-{flags}", state if _STATE.fullmatch(state) else None)


def current_span() -> Any:
    """Return the host's active OpenTelemetry span; None without OpenTelemetry. We never load it."""
    api = sys.modules.get("opentelemetry.trace")
    return api.get_current_span() if api is not None else None


def span_trace() -> Trace | None:
    """Return the trace of the host's active OpenTelemetry span; None outside any."""
    span = current_span()
    if span is None:
        return None
    found = span.get_span_context()
    if not found.is_valid:
        return None
    parent = f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"
    return Trace(parent, found.trace_state.to_header() or None)
