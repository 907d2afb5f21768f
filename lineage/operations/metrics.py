"""What is said of a run as a whole: data and warehouse metrics outside any operation, and its outcome."""

from __future__ import annotations

import math
import sys
from time import time_ns
from types import FrameType
from typing import TYPE_CHECKING, Any

from lineage._guard import guard
from lineage.attribution.callsite import application_spots
from lineage.attribution.delivery import deliver, enclosing
from lineage.attribution.plan import Plan, plan_of
from lineage.attribution.query import Source, attribute
from lineage.attribution.record import Record
from lineage.attribution.tracing import trace_of
from lineage.context.traces import current_span
from lineage.operations.operation import Operation
from lineage.operations.spans import measures_as_attributes, with_old_names
from lineage.operations.tracking import recorded_config
from lineage.operations.values import count_of, refuse, text_of

if TYPE_CHECKING:
    from lineage.attribution.statistics import QueryStatistics


class Said(Record):
    """Something said of a run: `metrics` (measures and a query id) or its `outcome`."""

    def __init__(self, plan: Plan, kind: str, known: dict[str, Any]) -> None:
        super().__init__(plan, Source())
        self.kind = kind
        self.known = known

    def own_event(self) -> dict[str, Any]:
        """Return its flat event, as sinks get it."""
        from lineage.operations.event import event_of_said

        return event_of_said(self)

    def count_to(self, statistics: QueryStatistics) -> None:
        """Hand it to its run."""
        from lineage.operations.statistics import operations_of

        operations_of(statistics).say(self.kind, self.known)


def set_data_metrics(
    rows_returned: int | None = None,
    rows_affected: int | None = None,
    bytes_read: int | None = None,
    bytes_written: int | None = None,
    objects_count: int | None = None,
) -> None:
    """Set measures on the innermost open operation, else on the run and the active span.

    None leaves what was said before; 0 means none. Never raises.
    """
    known = {
        "rows_returned": rows_returned,
        "rows_affected": rows_affected,
        "bytes_read": bytes_read,
        "bytes_written": bytes_written,
        "objects": objects_count,
    }
    _set(known, None, sys._getframe(1))


def set_warehouse_metrics(
    query_id: str | None = None,
    bytes_scanned: int | None = None,
    rows_returned: int | None = None,
    partitions_scanned: int | None = None,
) -> None:
    """Set a warehouse's query id and measures, as `set_data_metrics` does."""
    known = {
        "bytes_scanned": bytes_scanned,
        "rows_returned": rows_returned,
        "partitions_scanned": partitions_scanned,
    }
    _set(known, query_id, sys._getframe(1))


def emit_outcome(status: str, *, value_type: str | None = None, value_amount: float | None = None) -> None:
    """Say what came of the run for the business, as in `emit_outcome("success", value_amount=42)`.

    `value_type` says what the amount is of. The last one said counts. It does not change how the run ends,
    and never raises.
    """
    with guard("saying the outcome of a run"):
        known: dict[str, Any] = {
            "status": text_of("the status of an outcome", status),
            "value_type": text_of("the value type of an outcome", value_type),
            "value_amount": _amount(value_amount),
        }
        known = {name: value for name, value in known.items() if value is not None}
        if "status" in known:
            _say("outcome", known, sys._getframe(1))
            _tell_span({f"lineage.outcome.{name}": value for name, value in known.items()})


def innermost_operation() -> Operation | None:
    """Return the operation that is open around the code here."""
    operation = enclosing.get()
    return operation if isinstance(operation, Operation) and not operation.ended else None


def _set(measures: dict[str, Any], query_id: Any, frame: FrameType) -> None:
    with guard("setting metrics"):
        operation = innermost_operation()
        if operation is not None:
            operation.set(**{name: value for name, value in measures.items() if value is not None})
            operation.set_query_id(query_id)
            return
        known = {
            name: count for name, value in measures.items() if (count := count_of(name, value)) is not None
        }
        identifier = text_of("query_id", query_id)
        said: dict[str, Any] = known | ({"query_id": identifier} if identifier is not None else {})
        if said:
            _say("metrics", said, frame)
            _tell_span(measures_as_attributes(known, identifier))


def _say(kind: str, known: dict[str, Any], frame: FrameType) -> None:
    config = recorded_config()
    if config is None:
        return
    plan = plan_of(config)
    said = Said(plan, kind, known)
    said.started_at = time_ns()
    attribute(said)
    said.spots = application_spots(frame, plan.application)
    said.trace = trace_of(current_span())
    said.ended = True
    deliver(said)


def _tell_span(attributes: dict[str, Any]) -> None:
    config = recorded_config()
    span = current_span()
    if config is None or span is None or not span.is_recording():
        return
    span.set_attributes(with_old_names(attributes) if config.otel_old_names else attributes)


def _amount(value: Any) -> float | int | None:
    if value is None:
        return None
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        refuse("the value amount of an outcome", value, "a number")
        return None
    amount = value if isinstance(value, int) else float(value)
    if not math.isfinite(amount):
        refuse("the value amount of an outcome", value, "a finite number")
        return None
    return amount
