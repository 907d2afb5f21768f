"""Operations on the host's active OpenTelemetry span: attributes, and one event for each operation.

Nothing of OpenTelemetry is loaded or set up here, no span is begun or ended, its kind and status are the
host's. Attributes are those of the span's first operation, so that two never mix; each has its own event.
Names are the stable ones of the semantic conventions (https://opentelemetry.io/docs/specs/semconv),
`gen_ai.*` for models, and `lineage.*` for what they do not name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lineage.attribution.systems import registered_name

if TYPE_CHECKING:
    from lineage.operations.operation import Operation

SPAN_EVENT = "lineage.operation"

_MEASURES = {
    "rows_returned": "lineage.data.rows_returned",
    "rows_affected": "lineage.data.rows_affected",
    "bytes_read": "lineage.data.bytes_read",
    "bytes_written": "lineage.data.bytes_written",
    "objects": "lineage.data.objects_count",
    "bytes_scanned": "lineage.warehouse.bytes_scanned",
    "partitions_scanned": "lineage.warehouse.partitions_scanned",
    "messages": "lineage.messaging.message_count",
    "bytes_transferred": "lineage.messaging.bytes_transferred",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
}
_QUERY_ID = "lineage.warehouse.query_id"
_VENDOR = "lineage.vendor"

_OPERATION_TYPES = {"publish": "send", "consume": "process", "receive": "receive"}
"""What the conventions call a kind of messaging operation: to subscribe is none of them."""

_OLD_NAMES = {
    "db.system.name": "db.system",
    "db.operation.name": "db.operation",
    "db.namespace": "db.name",
    _VENDOR: "botanu.vendor",
    "lineage.storage.system": "botanu.storage.system",
    "lineage.storage.operation": "botanu.storage.operation",
    "lineage.storage.bucket": "botanu.storage.bucket",
    "messaging.operation.name": "messaging.operation",
    _QUERY_ID: "botanu.warehouse.query_id",
} | {
    name: name.replace("lineage.", "botanu.", 1) for name in _MEASURES.values() if name.startswith("lineage.")
}


def tell_span(span: Any, operation: Operation) -> None:
    """Tell a span of an operation that has ended; nothing where the span has ended before."""
    if not span.is_recording():
        return
    attributes = attributes_of(operation)
    if not operation.inside_on_span and _VENDOR not in (getattr(span, "attributes", None) or ()):
        span.set_attributes(attributes)
    if operation.error is not None:
        attributes["error.type"], message = operation.error
        if message:
            attributes["lineage.error.message"] = message
    attributes["lineage.operation.duration_ms"] = operation.duration_ns / 1e6
    span.add_event(SPAN_EVENT, attributes)


def attributes_of(operation: Operation) -> dict[str, Any]:
    """Return an operation as attributes: what is not known is absent, 0 is 0."""
    found = _NAMES_OF[operation.kind](operation)
    found[_VENDOR] = operation.vendor
    _add_measures(found, operation.measures, operation.query_id)
    if operation.status != "ok":
        found["lineage.operation.status"] = operation.status
    if operation.config.otel_old_names:
        _add_old_names(found, operation)
    for name, value in operation.attributes:
        found[f"lineage.attributes.{name}"] = value
    return found


def _add_measures(found: dict[str, Any], measures: dict[str, int], query_id: str | None) -> None:
    for name, count in measures.copy().items():  # other threads may still say more
        found[_MEASURES[name]] = count
    if query_id is not None:
        found[_QUERY_ID] = query_id


def measures_as_attributes(measures: dict[str, int], query_id: str | None) -> dict[str, Any]:
    """Return measures and a warehouse's query id under the names of attributes."""
    found: dict[str, Any] = {}
    _add_measures(found, measures, query_id)
    return found


def with_old_names(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return attributes with their older names beside them."""
    return attributes | {_OLD_NAMES[name]: attributes[name] for name in attributes if name in _OLD_NAMES}


def _add_old_names(found: dict[str, Any], operation: Operation) -> None:
    found.update(with_old_names(found))
    for name, value in (("db.system", operation.system), ("db.name", operation.database)):
        if name in found and value is not None:
            found[name] = value


def _add(found: dict[str, Any], name: str, value: str | None) -> None:
    if value is not None:
        found[name] = value


def _of_database(operation: Any) -> dict[str, Any]:
    found = {
        "db.system.name": registered_name(operation.system),
        "db.operation.name": operation.operation_name,
    }
    database, schema = operation.database, operation.schema
    if database or schema:
        found["db.namespace"] = f"{database}|{schema}" if database and schema else database or schema
    _add(found, "db.collection.name", operation.table)
    return found


def _of_storage(operation: Any) -> dict[str, Any]:
    found = {
        "lineage.storage.system": operation.system,
        "lineage.storage.operation": operation.operation_name,
    }
    _add(found, "lineage.storage.bucket", operation.bucket)
    return found


def _of_messaging(operation: Any) -> dict[str, Any]:
    name = operation.operation_name
    found = {"messaging.system": registered_name(operation.system), "messaging.operation.name": name}
    _add(found, "messaging.operation.type", _OPERATION_TYPES.get(name))
    _add(found, "messaging.destination.name", operation.destination)
    return found


def _of_llm(operation: Any) -> dict[str, Any]:
    found = {"gen_ai.provider.name": operation.system, "gen_ai.operation.name": operation.operation_name}
    _add(found, "gen_ai.request.model", operation.model)
    return found


_NAMES_OF: dict[str, Callable[[Any], dict[str, Any]]] = {
    "database": _of_database,
    "storage": _of_storage,
    "messaging": _of_messaging,
    "llm": _of_llm,
}
