"""What integrations with stores and message services have in common: a call of theirs is an operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from lineage._guard import guard
from lineage.attribution.endings import status_of
from lineage.attribution.plan import active_plan
from lineage.datasets import Dataset
from lineage.operations import MessagingTracker, Operation, StorageTracker
from lineage.operations.tracking import begin

CodeOf = Callable[[BaseException], str | None]
"""Gives a service's own code of an error."""

_ENDING = guard("ending an operation")


@dataclass(frozen=True, slots=True)
class Call:
    """What a call of a service is as an operation, and what is known of it before it runs.

    `target` is the bucket, queue, topic or stream; `copied_from` what a copy reads besides.
    """

    kind: str
    system: str
    operation: str
    target: str | None = None
    dataset: Dataset | None = None
    copied_from: Dataset | None = None
    measures: dict[str, int] = field(default_factory=dict)


def begin_call(call: Call, frame: FrameType) -> Operation | None:
    """Begin the operation of a call that is made at a frame; None where nothing is recorded."""
    if active_plan() is None:
        return None

    def fill(operation: Operation) -> None:
        if isinstance(operation, StorageTracker):
            operation.bucket, operation.found = call.target, True
        elif isinstance(operation, MessagingTracker):
            operation.destination = call.target
        operation.dataset, operation.copied_from = call.dataset, call.copied_from
        operation.measures.update(call.measures)

    kind: type[Operation] = StorageTracker if call.kind == "storage" else MessagingTracker
    operation = begin(kind, call.system, call.operation, fill, frame)
    return operation if operation.recording else None


def end_call(operation: Operation, **known: Any) -> None:
    """End an operation that its service has done, with what it came to. Never raises."""
    with _ENDING:
        operation.set(**known)
    with _ENDING:
        operation.end()


def fail_call(operation: Operation, error: BaseException, code_of: CodeOf) -> None:
    """End an operation that failed. Never raises.

    Of the error its type and the service's own code for it are told: messages quote what they were given.
    """
    with _ENDING:
        operation.measures.clear()
        operation.status = status_of(error)
        if operation.status == "error":
            operation.error = type(error).__qualname__, ""
            operation.error = type(error).__qualname__, str(code_of(error) or "")[:100]
    with _ENDING:
        operation.end()
