"""What integrations with brokers share: operations on messages, and the context that messages carry.

A message is sent with headers that say for whom, and its receiver works for those while it handles it. The
bodies and keys of messages are looked at for nothing but the length of the bodies.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import thread as thread_pool
from types import FrameType
from typing import Any, NamedTuple

from lineage._guard import guard
from lineage.attribution.plan import plan_of
from lineage.attribution.tracing import may_be_in_span
from lineage.config import current_config
from lineage.context import current, inject, innermost_run, process_parent
from lineage.context.carriers import Handled, Received, active_remote, known_name, read_carrier
from lineage.context.traces import span_trace
from lineage.errors import LineageError
from lineage.operations import MessagingTracker
from lineage.operations.tracking import begin, idle
from lineage.tracking.run import execution_place
from producers._lengths import length_of
from producers._operations import fail_call

Pairs = Iterable[tuple[Any, Any]]

_ENDING = guard("ending an operation on messages")
_HANDLING = guard("taking over the context of a message")
_NO_CONTEXT: Mapping[str, str] = {}
_NOTHING = Received()
_MAX_PLACES = 256


def is_on() -> bool:
    """Whether anything is to be done with messages here: not where lineage is disabled or cannot be read."""
    try:
        return not current_config().disabled
    except LineageError:
        return False


def begin_operation(
    system: str,
    name: str,
    destination: str | None,
    frame: FrameType,
    namespace: str | None = None,
    dataset: str | None = None,
) -> MessagingTracker:
    """Begin an operation on a topic or queue; one that does nothing where nobody would be told of it.

    `dataset` is what the destination is called in lineage, where that is another name.
    """
    plan = plan_of(current_config())
    if not (plan.to_runs or plan.to_span or plan.sinks):
        return idle(MessagingTracker)

    def fill(operation: MessagingTracker) -> None:
        operation.destination, operation.namespace = destination, namespace
        if dataset is not None:
            operation.set_dataset(dataset, namespace or system)

    return begin(MessagingTracker, system, name, fill, frame)


def end_operation(
    operation: MessagingTracker | None,
    error: BaseException | None = None,
    *,
    messages: int | None = None,
    size: int | None = None,
) -> None:
    """End an operation; what it was to publish counts where it did not fail. Never raises.

    Of a failure to publish its type is told: messages of serialisers quote what they were given.
    """
    if operation is None:
        return
    if error is not None and operation.operation_name == "publish":
        fail_call(operation, error, lambda error: None)
        return
    with _ENDING:
        operation.set_result(messages, size)
    with _ENDING:
        operation.end(error)


def undelivered(operation: MessagingTracker, error: BaseException) -> None:
    """Say of an operation that has ended that the broker did not get its messages. Never raises."""
    with _ENDING:
        operation.set_result(0, 0)
        operation.set_error(error)


def size_of(body: Any) -> int | None:
    """Return how many bytes a message's body has, where there may be none; None for what is not known."""
    return 0 if body is None else length_of(body)


def broker_namespace(scheme: str, host: str | None, port: int | None, vhost: str | None = None) -> str:
    """Return the namespace of a broker's queues: its URI, without credentials and without a `/` as vhost."""
    place = f"{scheme}://{(host or 'localhost').lower()}" + (f":{port}" if port else "")
    return f"{place}/{vhost}" if vhost and vhost != "/" else place


def outgoing(headers: Pairs) -> tuple[list[tuple[Any, Any]], Mapping[str, str]]:
    """Return what stays of a message's headers, and what is to stand beside it: for whom code here works.

    As with `inject`, what stands there under the same names is replaced. Where code here works for nobody
    that is known, nothing is.
    """
    kept = list(headers)
    said = _said_here()
    there = {name: _text(value) for name, value in kept if known_name(name) is not None} if said else None
    if not there:
        return kept, said
    return [pair for pair in kept if known_name(pair[0]) is None], dict(inject(there))


def _text(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class _Said(NamedTuple):
    """What was written last, and of whom."""

    attribution: Any = None
    run: Any = None
    remote: Any = None
    texts: Mapping[str, str] = _NO_CONTEXT


_said = _Said()


def _said_here() -> Mapping[str, str]:
    """Return for whom code here works, as headers; written once for all messages of the same."""
    global _said
    run = innermost_run() or process_parent()
    attribution, identity, remote = current(), run.identity if run is not None else None, active_remote.get()
    if "opentelemetry.trace" in sys.modules and may_be_in_span() and span_trace() is not None:
        return inject()
    if attribution is None and identity is None and remote is None:
        return _NO_CONTEXT
    last = _said
    if last.attribution is not attribution or last.run is not identity or last.remote is not remote:
        last = _said = _Said(attribution, identity, remote, dict(inject()))
    return last.texts


def _forget() -> None:
    global _said
    _said = _Said()


os.register_at_fork(after_in_child=_forget)


class Handling:
    """The context of the message that a consumer gave last: it holds until the next one is asked for.

    It does so where that message was asked for: each thread and task has its own. In the workers of a thread
    pool none does: what they do next may be anybody's.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], Handled] = {}

    def begin(self, headers: Any) -> None:
        """Work for whom the headers of a message say. Never raises."""
        with _HANDLING:
            held = handled(headers)
            if held is None or _in_pool():
                return
            if len(self._held) >= _MAX_PLACES:  # of a task that ended without asking for another message
                self._held.pop(next(iter(self._held)), None)
            held.enter()
            self._held[execution_place()] = held

    def end(self) -> None:
        """Work for those no more. Never raises."""
        if self._held:
            with _HANDLING:
                held = self._held.pop(execution_place(), None)
                if held is not None:
                    held.__exit__()


def handled(headers: Any) -> Handled | None:
    """Return the context of a message, to be entered while it is handled; None where it says nothing."""
    received = read_carrier(headers) if headers else _NOTHING
    return Handled(received) if received != _NOTHING else None


def _in_pool() -> bool:
    target: Callable[..., Any] | None = getattr(threading.current_thread(), "_target", None)
    return target is thread_pool._worker
