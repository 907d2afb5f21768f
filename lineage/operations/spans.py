"""Operations on the host's active OpenTelemetry span: attributes, and one event for each operation.

Nothing of OpenTelemetry is loaded or set up here, no span is begun or ended, its kind and status are the
host's. Attributes are those of the span's first operation, so that two never mix; each has its own event.
Names are the stable ones of the semantic conventions (https://opentelemetry.io/docs/specs/semconv),
`gen_ai.*` for models, and `lineage.*` for what they do not name.
"""

from __future__ import annotations

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
    found = _names_of(operation)
    found[_VENDOR] = operation.vendor
    found.update(measures_as_attributes(operation.measures, operation.query_id))
    if operation.status != "ok":
        found["lineage.operation.status"] = operation.status
    if operation.config.otel_old_names:
        _add_old_names(found, operation)
    for name, value in operation.attributes:
        found[f"lineage.attributes.{name}"] = value
    return found


def measures_as_attributes(measures: dict[str, int], query_id: str | None) -> dict[str, Any]:
    """Return measures and a warehouse's query id under the names of attributes."""
    found: dict[str, Any] = {_MEASURES[name]: count for name, count in measures.items()}
    if query_id is not None:
        found[_QUERY_ID] = query_id
    return found


def with_old_names(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return attributes with their older names beside them."""
    return attributes | {_OLD_NAMES[name]: attributes[name] for name in attributes if name in _OLD_NAMES}


def _add_old_names(found: dict[str, Any], operation: Operation) -> None:
    found.update(with_old_names(found))
    for name, value in (("db.system", operation.system), ("db.name", operation.database)):
        if name in found and value is not None:
            found[name] = value


def _names_of(operation: Any) -> dict[str, Any]:
    system, name = registered_name(operation.system), operation.operation_name
    if operation.kind == "database":
        found = {
            "db.system.name": system,
            "db.operation.name": name,
            "db.namespace": "|".join(filter(None, (operation.database, operation.schema))) or None,
            "db.collection.name": operation.table,
        }
    elif operation.kind == "storage":
        found = {
            "lineage.storage.system": operation.system,
            "lineage.storage.operation": name,
            "lineage.storage.bucket": operation.bucket,
        }
    elif operation.kind == "messaging":
        found = {
            "messaging.system": system,
            "messaging.operation.name": name,
            "messaging.operation.type": _OPERATION_TYPES.get(name),
            "messaging.destination.name": operation.destination,
        }
    else:
        found = {
            "gen_ai.provider.name": operation.system,
            "gen_ai.operation.name": name,
            "gen_ai.request.model": operation.model,
        }
    return {key: value for key, value in found.items() if value is not None}
