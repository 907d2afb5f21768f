"""Queries and messages of libraries that OpenTelemetry's instrumentations trace.

A span processor of the host's own tracer provider: each span of a database or of messages that ends is told
as a query or an operation, of the run and for whom the code works that ended it. Nothing is done when a span
begins. What one of our own integrations tells, or a span inside, is not told again. Spans are the host's:
none is made, changed or kept. What its sampler drops is not seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from lineage._guard import guard, logger
from lineage.attribution import UNRECORDED, Query, begin_query
from lineage.attribution.delivery import enclosing, witnesses
from lineage.attribution.endings import status_of, told_error
from lineage.attribution.plan import active_plan
from lineage.attribution.systems import system_name
from lineage.attribution.tracing import trace_of
from lineage.errors import InstrumentError
from lineage.operations import DBTracker, MessagingTracker, Operation
from lineage.operations.tracking import begin
from lineage.redaction import normalize_sql, redact_text
from producers import _spans
from producers._base import Producer, missing, replace
from producers._spans import source_of

try:
    from opentelemetry import trace
    from opentelemetry.sdk import version
    from opentelemetry.sdk.trace import SpanProcessor
except ImportError as error:
    raise missing("opentelemetry", "opentelemetry", error) from error

_TELLING = guard("telling of a span")
_HEARING = guard("remembering what was told")
_FOLLOWING = guard("following a tracer provider")


class OpenTelemetryProducer(Producer):
    """Tells of the spans of the global tracer provider, also if it is set later, or of some providers."""

    name = "opentelemetry"
    minimum = "1.24.0"

    def __init__(self) -> None:
        super().__init__()
        self._processors: WeakKeyDictionary[Any, Processor] = WeakKeyDictionary()

    def hook(self, undo: ExitStack) -> None:
        """Hear what else is told, and of the provider that is set."""
        setting = vars(trace).get("_set_tracer_provider")
        if setting is None:
            raise InstrumentError(self.name, f"how version {self.version()} sets a provider is not known")
        witnesses.append(_heard)
        undo.callback(witnesses.remove, _heard)
        replace(trace, "_set_tracer_provider", _followed(setting), undo)

    def subject(self, target: Any) -> Any:
        """Return the provider itself."""
        if not hasattr(target, "add_span_processor"):
            raise InstrumentError(
                self.name, f"give a tracer provider that takes span processors, not {type(target).__name__}"
            )
        return target

    def install(self, target: Any = None) -> None:
        """As every producer; the current provider gets its processor, if one is set."""
        if target is None and (current := _current_provider()) is not None:
            self.subject(current)
        super().install(target)
        self.follow()

    def uninstall(self, target: Any = None) -> None:
        """As every producer; providers that are watched no more lose their processor."""
        super().uninstall(target)
        self.follow()

    def follow(self) -> None:
        """Have each provider that is to be watched hold our processor once, and no other one."""
        with self._lock:
            current = _current_provider() if self.everywhere else None
            if current is not None and not hasattr(current, "add_span_processor"):
                logger.warning("Not instrumented: a %s takes no span processors", type(current).__name__)
                current = None
            wanted = [*self.targets, *([current] if current is not None else ())]
            for provider in list(self._processors):
                if not any(provider is one for one in wanted):
                    self._processors.pop(provider).leave(provider)
            for provider in wanted:
                if provider not in self._processors:
                    self._processors[provider] = processor = Processor()
                    provider.add_span_processor(processor)

    def version(self) -> str:
        """Return the version of OpenTelemetry's SDK."""
        return str(version.__version__)


PRODUCER = OpenTelemetryProducer()


def _current_provider() -> Any:
    """Return the global provider; None while none is set. Asking the API for it might set one up."""
    return vars(trace).get("_TRACER_PROVIDER")


def _followed(setting: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(setting)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = setting(*args, **kwargs)
        with _FOLLOWING:
            PRODUCER.follow()
        return result

    return call


class Processor(SpanProcessor):
    """Tells of spans that end; what it holds of its provider is nothing."""

    watching = True

    def on_end(self, span: Any) -> None:
        """Tell of a span of a database or of messages."""
        with _TELLING:
            attributes = span.attributes
            if self.watching and attributes and active_plan() is not None:
                if _spans.first(attributes, *_spans.DATABASE) is not None:
                    _tell_database(span, attributes, sys._getframe())
                elif _spans.MESSAGING in attributes:
                    _tell_messaging(span, attributes, sys._getframe())

    def leave(self, provider: Any) -> None:
        """Be a processor of the provider no more; where it does not let go of one, do nothing."""
        self.watching = False
        held: Any = getattr(provider, "_active_span_processor", None)
        if isinstance(getattr(held, "_span_processors", None), tuple):
            with held._lock:
                held._span_processors = tuple(one for one in held._span_processors if one is not self)


def _tell_database(span: Any, attributes: Any, frame: FrameType) -> None:
    if _is_captured(span) or _is_ours(frame):
        return
    system = system_name("database", _spans.first(attributes, *_spans.DATABASE))
    if not _spans.runs_sql(system):
        _tell_operation(span, attributes, system, frame)
        return
    text = _spans.first(attributes, *_spans.TEXT)
    if not isinstance(text, str):  # connecting, committing: no query
        return
    source = source_of(attributes, _client(span))
    if _is_told(span, lambda one: _is_same_query(one, text, source.dialect)):
        return
    query = begin_query(text, source, frame=frame)
    if query is UNRECORDED:
        return
    query.trace, query.span = trace_of(span), None
    query.set(rows=_spans.rows_of(attributes))
    _end(query, span, frame)


def _tell_operation(span: Any, attributes: Any, system: str, frame: FrameType) -> None:
    name, collection = _spans.operation_of(attributes)
    source = source_of(attributes, None)

    def fill(db: DBTracker) -> None:
        db.database, db.namespace = source.db_name, source.namespace
        if collection is not None:
            db.set_table(collection)

    _tell_tracked(span, begin(DBTracker, system, name, fill, frame, trace=trace_of(span)), frame)


def _tell_messaging(span: Any, attributes: Any, frame: FrameType) -> None:
    if _is_captured(span):
        return
    system = system_name("messaging", attributes[_spans.MESSAGING])
    name = _spans.message_operation_of(attributes, span.kind.name)
    if name is None:
        return

    def fill(messaging: MessagingTracker) -> None:
        destination = _spans.destination_of(attributes)
        if destination is not None:
            messaging.set_destination(destination)
        messaging.namespace = _spans.broker_of(attributes, system)
        messaging.set(**_spans.message_counts(attributes))

    _tell_tracked(span, begin(MessagingTracker, system, name, fill, frame, trace=trace_of(span)), frame)


def _tell_tracked(span: Any, operation: Operation, frame: FrameType) -> None:
    if not operation.recording or _is_same_operation(enclosing.get(), operation):
        return
    if not _is_told(span, lambda one: _is_same_operation(one, operation)):
        _end(operation, span, frame)


def _end(query: Query, span: Any, frame: FrameType) -> None:
    """End a query when its span did, as its span did."""
    query.started_at, query.ended_at = span.start_time, span.end_time
    status, query.error = _ending(span, frame)
    query.end(took=span.end_time - span.start_time, status=status)


def _ending(span: Any, frame: FrameType) -> tuple[str, tuple[str, str] | None]:
    """Return how a span ended: the status, and of an error the type and the message without values.

    An exception that leaves the code which ends the span is what ended it, though a cancellation is recorded
    nowhere. Of others the span tells by an event, or by its status alone.
    """
    error = sys.exception()
    failed = span.status.status_code.name == "ERROR"
    leaving = error is not None and error.__traceback__ is not None
    leaving = leaving and error.__traceback__.tb_frame is _ender(frame)  # type: ignore[union-attr]
    if error is not None and (leaving or (failed and str(error) == span.status.description)):
        status = status_of(error)
        return status, told_error(error) if status == "error" else None
    if not failed:
        return "ok", None
    told = next((one.attributes for one in reversed(span.events) if one.name == "exception"), None) or {}
    kind = str(told.get("exception.type") or span.attributes.get("error.type") or "unknown").rpartition(".")[
        2
    ]
    if kind in ("CancelledError", "KeyboardInterrupt", "SystemExit"):
        return "cancelled", None
    message = str(told.get("exception.message") or span.status.description or "")
    return "error", (kind, redact_text(message, limit=500))


_SDK = f"{os.sep}opentelemetry{os.sep}sdk{os.sep}"


def _ender(frame: FrameType | None) -> FrameType | None:
    """Return the frame that ends the span: the first outside of us and of the SDK."""
    frame = frame.f_back if frame is not None else None
    while frame is not None and _SDK in frame.f_code.co_filename:
        frame = frame.f_back
    return frame


_PACKAGES = Path(__file__).resolve().parent.parent
_OWN = tuple(f"{_PACKAGES.joinpath(*parts)}{os.sep}" for parts in (("lineage", "outbox"), ("graph", "store")))
_NEAR = 16
"""How many frames there may be between our storage and the end of a span of what it asks."""


def _is_ours(frame: FrameType | None) -> bool:
    """Whether it is our own outbox or store that is traced: what it does is nothing of the host's."""
    for _ in range(_NEAR):
        if frame is None:
            return False
        if frame.f_code.co_filename.startswith(_OWN):
            return True
        frame = frame.f_back
    return False


_KEPT = 4
_told: ContextVar[tuple[Query, ...]] = ContextVar("lineage_told_queries", default=())
"""The latest queries and operations that ended in a context: a span around one of them is the same."""


def _heard(query: Query) -> None:
    with _HEARING:
        _told.set((query, *_told.get()[: _KEPT - 1]))


def _is_told(span: Any, is_same: Callable[[Query], bool]) -> bool:
    return any(one.started_at >= span.start_time and is_same(one) for one in _told.get())


_LONG = 100_000


def _is_same_query(one: Query, text: str, dialect: str | None) -> bool:
    if isinstance(one, Operation) or one.text is None:
        return False
    if one.text == text:
        return True
    if max(len(one.text), len(text)) > _LONG:
        return False
    return normalize_sql(one.text, dialect=one.source.dialect) == normalize_sql(text, dialect=dialect)


def _is_same_operation(one: object, operation: Operation) -> bool:
    if not isinstance(one, Operation) or (one.kind, one.system) != (operation.kind, operation.system):
        return False
    if one.target is not None and operation.target is not None and one.target != operation.target:
        return False
    if one.kind == "messaging":  # what one calls to receive another calls to process
        return (one.operation_name == "publish") is (operation.operation_name == "publish")
    return one.operation_name == operation.operation_name


_OTHER_NAMES = {"botocore": "boto3", "boto3sqs": "boto3"}


def _is_captured(span: Any) -> bool:
    """Whether all that the instrumentation of this span traces is captured by an integration of ours."""
    library = _client(span) or ""
    module = sys.modules.get(f"producers.{_OTHER_NAMES.get(library, library)}")
    return bool(getattr(getattr(module, "PRODUCER", None), "everywhere", False)) and module is not _THIS


_THIS = sys.modules[__name__]


def _client(span: Any) -> str | None:
    """Return the library that a span is of: its instrumentation is named after it."""
    scope = span.instrumentation_scope
    return scope.name.rpartition(".")[2][:100] if scope is not None and scope.name else None
