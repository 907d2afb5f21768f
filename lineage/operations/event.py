"""Operations, metrics and outcomes as flat events: what sinks get beside the events of queries.

Their schemas are OperationEvent.json, MetricsEvent.json and OutcomeEvent.json in `lineage/schemas`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.attribution.event import event_of
from lineage.operations.datasets import dataset_of

if TYPE_CHECKING:
    from lineage.operations.metrics import Said
    from lineage.operations.operation import Operation

EVENT_NAME = "lineage.operation"

_OF_QUERIES_ALONE = ("db_system", "client", "query_fingerprint", "query_text")


def event_of_operation(operation: Operation) -> dict[str, Any]:
    """Return the event of an operation: as that of a query, without a statement."""
    event = _frame(event_of(operation), EVENT_NAME)
    event["kind"] = operation.kind
    event["system"] = operation.system
    event["vendor"] = operation.vendor
    event["operation_name"] = operation.operation_name
    if operation.target is not None:
        event["target"] = operation.target
    if operation.database is not None:
        event["db_name"] = operation.database
    event.update(operation.measures)
    if (dataset := dataset_of(operation)) is not None:
        event["dataset_namespace"], event["dataset_name"] = dataset.namespace, dataset.name
    return event


def event_of_said(said: Said) -> dict[str, Any]:
    """Return the event of what was said of a run."""
    return _frame(event_of(said), f"lineage.{said.kind}") | (
        {f"outcome_{name}": value for name, value in said.known.items()}
        if said.kind == "outcome"
        else said.known
    )


def _frame(event: dict[str, Any], name: str) -> dict[str, Any]:
    event["event_name"] = name
    for field in _OF_QUERIES_ALONE:
        event.pop(field, None)
    return event
