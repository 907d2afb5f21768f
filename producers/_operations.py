"""What integrations with stores and message services have in common: a call of theirs is an operation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from inspect import iscoroutinefunction
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

_BEGINNING = guard("beginning an operation")
_ENDING = guard("ending an operation")


@dataclass(frozen=True, slots=True)
class Call:
    """What a call of a service is as an operation, and what is known of it before it runs.

    `target` is the bucket, queue, topic or stream; `copied_from` what a copy reads.
    """

    kind: str
    system: str
    operation: str
    target: str | None = None
    dataset: Dataset | None = None
    copied_from: tuple[Dataset, ...] = ()
    measures: dict[str, int] = field(default_factory=dict)
    before: int = 0
    """What an integration has to know afterwards, such as where a file stood."""


Describe = Callable[[Any, tuple[Any, ...], dict[str, Any]], Call | None]
"""Gives what a call of a method is, from its object and arguments; None where it is not captured."""

Answered = Callable[[Call, Any, Any, tuple[Any, ...], dict[str, Any]], dict[str, Any]]
"""Gives what a call came to, from what it is, its object, its result and its arguments."""

_Begun = tuple[Call, Operation] | None


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
    note_failure(operation, error, code_of)
    with _ENDING:
        operation.end()


def note_failure(operation: Operation, error: BaseException, code_of: CodeOf) -> None:
    """Have an operation be one that failed, also after its end, until its run counts it. Never raises."""
    with _ENDING:
        if operation.counted:
            return
        operation.measures.clear()
        operation.status = status_of(error)
        if operation.status == "error":
            operation.error = type(error).__qualname__, ""
            operation.error = type(error).__qualname__, str(code_of(error) or "")[:100]


def nothing(call: Call, *known: Any) -> dict[str, Any]:
    """Say that an answer tells nothing of what a call came to."""
    return {}


def operated(
    method: Callable[..., Any], describe: Describe, answered: Answered, code_of: CodeOf
) -> Callable[..., Any]:
    """Return a method, also a coroutine function, with an operation around each of its calls."""

    def begin_here(subject: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Begun:
        with _BEGINNING:
            call = describe(subject, args, kwargs)
            if call is not None and (operation := begin_call(call, sys._getframe(2))) is not None:
                return call, operation
        return None

    def end_here(begun: tuple[Call, Operation], *known: Any) -> None:
        answer: dict[str, Any] = {}
        with _ENDING:
            answer = answered(begun[0], *known)
        end_call(begun[1], **answer)

    @wraps(method)
    def call(subject: Any, /, *args: Any, **kwargs: Any) -> Any:
        begun = begin_here(subject, args, kwargs)
        if begun is None:
            return method(subject, *args, **kwargs)
        try:
            result = method(subject, *args, **kwargs)
        except BaseException as error:
            fail_call(begun[1], error, code_of)
            raise
        end_here(begun, subject, result, args, kwargs)
        return result

    @wraps(method)
    async def call_async(subject: Any, /, *args: Any, **kwargs: Any) -> Any:
        begun = begin_here(subject, args, kwargs)
        if begun is None:
            return await method(subject, *args, **kwargs)
        try:
            result = await method(subject, *args, **kwargs)
        except BaseException as error:
            fail_call(begun[1], error, code_of)
            raise
        end_here(begun, subject, result, args, kwargs)
        return result

    return call_async if iscoroutinefunction(method) else call
