"""`track_db_operation` and its like, around the code that does what they track."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns, time_ns
from types import FrameType
from typing import Any, Generic, TypeVar, cast

from lineage._calls import around_calls
from lineage._guard import guard
from lineage.attribution import nesting
from lineage.attribution.callsite import application_spots
from lineage.attribution.delivery import enclosing
from lineage.attribution.plan import plan_of
from lineage.attribution.query import UNRECORDED, attribute
from lineage.attribution.tracing import Trace, trace_of
from lineage.config import Config, current_config
from lineage.context.traces import current_span
from lineage.errors import LineageError
from lineage.operations.operation import Operation
from lineage.operations.trackers import DBTracker, LLMTracker, MessagingTracker, StorageTracker
from lineage.operations.values import text_of

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", bound=Operation)

_BEGINNING = guard("beginning an operation")
_OPENTELEMETRY = "opentelemetry.trace"


class Tracked(Generic[T]):
    """A context manager, also asynchronous, that gives the tracker of an operation; and a decorator."""

    __slots__ = ("_begin", "_held")

    def __init__(self, begin: Callable[[FrameType], T]) -> None:
        self._begin = begin
        self._held: list[T] = []

    def __enter__(self) -> T:
        return self._enter(sys._getframe(1))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # Tasks and threads that share this object leave in any order, each its own operation.
        here, held = enclosing.get(), self._held
        if here in held:
            held.remove(here)
            here.__exit__(kind, error, trace)
        elif held:
            with suppress(IndexError):  # another thread took the last one
                held.pop().__exit__(kind, error, trace)

    async def __aenter__(self) -> T:
        return self._enter(sys._getframe(1))

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Track each call of a function, coroutine function or generator as one operation."""
        begin = self._begin
        return cast("F", around_calls(function, lambda args, kwargs: begin(sys._getframe(1))))

    def _enter(self, frame: FrameType) -> T:
        operation = self._begin(frame)
        self._held.append(operation)
        operation.enter()
        return operation


def track_db_operation(
    system: str,
    operation: str,
    database: str | None = None,
    *,
    vendor: str | None = None,
    namespace: str | None = None,
    **metadata: Any,
) -> Tracked[DBTracker]:
    """Measure the code inside as one operation on a database; `with ... as db` gives its `DBTracker`.

    `system` in any usual spelling (`postgres`, `Snowflake`), `operation` a `DBOperation` or another word.
    `vendor` is who charges for it, where that does not follow from the system. With `namespace`
    (OpenLineage's, `postgres://warehouse:5432`) a table that is set becomes an input or output of the run.
    Further arguments are metadata. Any of them may be wrong: nothing raises.
    """

    def fill(db: DBTracker) -> None:
        db.database = text_of("database", database)
        _complete(db, vendor, namespace, metadata)

    return Tracked(lambda frame: begin(DBTracker, system, operation, fill, frame))


def track_storage_operation(
    system: str,
    operation: str,
    bucket: str | None = None,
    key: str | None = None,
    *,
    account: str | None = None,
    vendor: str | None = None,
    namespace: str | None = None,
    **metadata: Any,
) -> Tracked[StorageTracker]:
    """Measure the code inside as one operation on an object store; `with ... as s` gives a `StorageTracker`.

    With a bucket and a key the object, or the prefix, is an input of the run (GET, LIST, HEAD) or an output
    (PUT, COPY, MULTIPART_UPLOAD). `account` is the storage account of an Azure container. The rest is as in
    `track_db_operation`.
    """

    def fill(storage: StorageTracker) -> None:
        storage.bucket, storage.key = text_of("bucket", bucket), text_of("key", key)
        storage.account = text_of("account", account)
        _complete(storage, vendor, namespace, metadata)

    return Tracked(lambda frame: begin(StorageTracker, system, operation, fill, frame))


def track_messaging_operation(
    system: str,
    operation: str,
    destination: str | None = None,
    *,
    vendor: str | None = None,
    namespace: str | None = None,
    **metadata: Any,
) -> Tracked[MessagingTracker]:
    """Measure the code inside as one operation on messages; `with ... as m` gives its `MessagingTracker`.

    `publish` (or `send`) makes the destination an output of the run; `consume` (take and process) and
    `receive` (take) an input; `subscribe` moves nothing and makes it neither. `namespace` is where the
    destination is (`kafka://broker:9092`). The rest is as in `track_db_operation`.
    """

    def fill(messaging: MessagingTracker) -> None:
        messaging.destination = text_of("destination", destination)
        _complete(messaging, vendor, namespace, metadata)

    return Tracked(lambda frame: begin(MessagingTracker, system, operation, fill, frame))


def track_llm_call(
    provider: str,
    model: str,
    operation: str = "chat",
    *,
    vendor: str | None = None,
    **metadata: Any,
) -> Tracked[LLMTracker]:
    """Measure the code inside as one call of a language model; `with ... as llm` gives its `LLMTracker`.

    Neither prompts nor answers are recorded: tokens, time, and what is given as metadata.
    """

    def fill(llm: LLMTracker) -> None:
        llm.model = text_of("model", model)
        _complete(llm, vendor, None, metadata)

    return Tracked(lambda frame: begin(LLMTracker, provider, operation, fill, frame))


def _complete(operation: Operation, vendor: Any, namespace: Any, metadata: dict[str, Any]) -> None:
    if vendor is not None:
        operation.vendor = text_of("vendor", vendor) or operation.vendor
    if namespace is not None:
        operation.namespace = text_of("namespace", namespace)
    if metadata:
        operation.add_metadata(**metadata)


def recorded_config() -> Config | None:
    """Return the settings under which to record; None where nothing is recorded of what runs here."""
    try:
        config = current_config()
    except LineageError:
        return None  # said by whatever else reads the settings
    if config.disabled or nesting.open_query.get() is UNRECORDED:
        return None
    return config


def begin(
    kind: type[T],
    system: object,
    operation: object,
    fill: Callable[[T], None],
    frame: FrameType,
    *,
    trace: Trace | None = None,
) -> T:
    """Begin an operation that `fill` completes; one that does nothing where nothing is recorded.

    `trace` are the ids of the span that is the operation itself: then no other span is told of it.
    """
    begun: T | None = None
    with _BEGINNING:
        config = recorded_config()
        if config is None:
            return idle(kind)
        plan = plan_of(config)
        begun = kind(plan, system, operation)
        begun.started_at, begun.started_ns = time_ns(), perf_counter_ns()
        fill(begun)
        attribute(begun)
        begun.spots = application_spots(frame, plan.application)
        if trace is not None:
            begun.trace = trace
        elif _OPENTELEMETRY in sys.modules:
            span = current_span()
            begun.trace = trace_of(span)
            if begun.trace is not None:
                outer = enclosing.get()
                begun._span, begun.inside_on_span = span, outer is not None and outer._span is span
    return begun if begun is not None else idle(kind)


def idle(kind: type[T]) -> T:
    """Return the operation of a kind that is not recorded: it takes note of nothing."""
    found = _idle.get(kind)
    if found is None:
        found = _idle[kind] = type(kind.__name__, (kind,), dict(_NOTHING))()
    return cast("T", found)


_idle: dict[type[Operation], Operation] = {}
_NOTHING: dict[str, Any] = {
    "__init__": lambda self: None,
    "recording": False,
    "ended": True,
    "system": "unknown",
    "operation_name": "unknown",
    "measures": {},
    "enter": lambda self, within=None: None,
    "leave": lambda self: None,
    "end": lambda self, error=None, *, took=None, status=None: None,
}
