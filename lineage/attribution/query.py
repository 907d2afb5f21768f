"""One query while it runs: measured, attributed, and captured once at its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Token
from threading import get_ident
from time import perf_counter_ns, time_ns
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from lineage._guard import guard
from lineage.attribution import nesting
from lineage.attribution.callsite import Line, Spot, application_spots, lines_of
from lineage.attribution.endings import known_status, status_of, told_error
from lineage.attribution.nesting import open_query
from lineage.attribution.plan import Plan, active_plan
from lineage.attribution.source import KnownTable
from lineage.attribution.source import Source as Source
from lineage.attribution.tracing import Trace, attached_trace, may_be_in_span, trace_of
from lineage.config import Config
from lineage.context import RunIdentity, Scope, active_run, current_scope, process_runs
from lineage.context.carriers import Remote, active_remote
from lineage.context.scopes import active_scope
from lineage.context.traces import current_span
from lineage.redaction import statement_text

if TYPE_CHECKING:
    from lineage.attribution.statistics import Inside
    from lineage.attribution.transactions import Work

MAX_ATTRIBUTES = 32
_MEASURES = ("rows", "bytes_read", "bytes_written", "bytes_scanned")

# A fence has no state of its own: made once, it costs the host less.
_BEGINNING = guard("beginning a query")
_PLACING = guard("finding the line that runs a query")
_TRACING = guard("finding the trace of a query")
_SETTING = guard("taking over what is known of a query")
_ENDING = guard("ending a query")


class Query:
    """One query from its beginning to its end, as a context manager around the work of a driver.

    `begin_query` makes it. What is set (`rows`, `query_id`, ...) may be set until the end, and is ignored
    after it; the end is told once, by `end` or by leaving the block. Nothing here raises and nothing is
    consumed or awaited.

    A query inside another one that is the same (a driver's below an ORM's) is no query of its own: it hands
    what it knows to the outer one. One with another statement is, and names the outer one as its parent.
    """

    # Defaults of the class: making a query sets only what is its own.
    text: str | None = None
    rows: int | None = None
    bytes_read: int | None = None
    bytes_written: int | None = None
    bytes_scanned: int | None = None  # what a warehouse charges for
    query_id: str | None = None
    status = "ok"
    error: tuple[str, str] | None = None
    attributes: tuple[tuple[str, Any], ...] = ()
    include_text: bool | None = None
    include_raw: bool | None = None
    spots: Sequence[Spot] = ()
    scope: Scope | None = None
    scope_ended = False
    run: RunIdentity | None = None
    remote_run: RunIdentity | None = None
    trace: Trace | None = None
    remote: Remote | None = None
    span: Any = None
    parent: Query | None = None
    event_id: str | None = None
    ended = False
    started_at = 0
    started_ns: int | None = None
    ended_at: int | None = None
    duration_ns = 0
    own_source: Source | None = None
    outer: Query | None = None
    inside: Inside | None = None
    within: object = None
    transaction: Work | None = None  # what its outputs stand or fall with; None where they stand at once
    kept_in: str | None = None  # the table that is to keep a SELECT's rows, as the dialect writes it
    tables: tuple[KnownTable, ...] = ()
    waits_in: Any = None
    _token: Token[Query | None] | None = None
    _is_block = False

    def __init__(self, plan: Plan, source: Source) -> None:
        self.plan = plan
        self.source = source
        self.pid = _pid
        self.thread = get_ident()

    @property
    def config(self) -> Config:
        """The settings under which it began."""
        return self.plan.config

    @property
    def own_client(self) -> str | None:
        """What runs it itself, whatever runs inside."""
        return (self.own_source or self.source).client

    @property
    def lines(self) -> tuple[Line, ...]:
        """The application's lines that run it, innermost first."""
        return lines_of(self.spots)

    @property
    def known_trace(self) -> Trace | None:
        """The trace it ran in: that of the host's span, else the one that was attached in its process."""
        remote = self.remote
        if self.trace is not None or remote is None or remote.trace is None or remote.process != self.pid:
            return self.trace
        return attached_trace(remote.trace.parent)

    def __enter__(self) -> Query:
        self._is_block = True
        self._token = open_query.set(self)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.leave()
        self.end(error)

    def enter(self, within: FrameType | None = None) -> None:
        """Be the open query of the code that runs now, until `leave`.

        It is open only while the frame `within` runs, so one that a failed hook never leaves swallows no
        later query. The caller's frame is the default; a hook that returns before the work is done gives
        the frame of the library's function that called it. In a `with` block Python itself ends it.
        """
        if not self._is_block:
            self.within = within or sys._getframe(1)
            if "greenlet" in sys.modules:
                nesting.note_greenlet(self)
        self._token = open_query.set(self)

    def leave(self) -> None:
        """Be open no more, without an end: while the application works on rows that came already."""
        token, self._token = self._token, None
        self.within = self.waits_in = None
        if token is None:
            return
        try:
            open_query.reset(token)
        except (ValueError, RuntimeError):  # left in another task or thread than entered
            if open_query.get() is self:
                open_query.set(None)

    def set(self, **known: Any) -> None:
        """Set `rows`, a number of bytes (read, written, scanned), `query_id` or `attributes`, unless None."""
        if self.ended:
            return
        for name, value in known.items():
            if value is None:
                continue
            with _SETTING:
                if name == "attributes":
                    self.attributes = (*self.attributes, *_plain(value))
                elif name == "query_id":
                    self.query_id = str(value)[:256]
                elif name in _MEASURES:
                    setattr(self, name, count if (count := int(value)) >= 0 else None)  # -1: not known
                else:
                    raise TypeError(f"a query has no {name}")

    def end(
        self, error: BaseException | None = None, *, took: int | None = None, status: str | None = None
    ) -> None:
        """Tell the end: ok, an error, or cancelled. Only the first end counts.

        It is left, too, where it is still open. `took` are the nanoseconds it took and `status` is how it
        ended, where that is known better.
        """
        if self.ended or self.pid != _pid:
            with _ENDING:
                self.leave()
            return
        with _ENDING:
            if took is not None:
                self.duration_ns = max(took, 0)
            elif self.started_ns is not None:
                self.duration_ns = perf_counter_ns() - self.started_ns
            if self._token is not None:
                self.leave()
            if error is not None or status is not None:
                self._conclude(error, status)
            self.ended = True
            take(self)
        if not self.ended:  # one part failed: what is known is told all the same
            with _ENDING:
                self._conclude(error, status)
            self.ended = True
            with _ENDING:
                take(self)

    def _conclude(self, error: BaseException | None, status: str | None) -> None:
        if error is not None:
            self.status = "error"  # unless it can be told better
            with _ENDING:
                self.status = status_of(error)
            with _ENDING:
                self.error = told_error(error) if self.status == "error" else None
        if status is not None:
            with _ENDING:
                self.status = known_status(status)

    def complete_from(self, inner: Query) -> None:
        """Take over what a query inside this one knows and this one does not."""
        if self.text is None:
            self.text = inner.text
        for name in (*_MEASURES, "query_id", "kept_in"):
            if getattr(self, name) is None:
                setattr(self, name, getattr(inner, name))
        self.own_source = self.own_source or self.source
        self.source = self.source.completed(inner.source)
        self.attributes = (*inner.attributes, *self.attributes)
        self.transaction = self.transaction or inner.transaction
        self.tables = self.tables or inner.tables


class _Unrecorded(Query):
    """The query that is not captured: lineage is disabled, or capturing failed."""

    ended = True

    def __init__(self) -> None:
        """Measures nothing, so there is nothing to know."""

    def __enter__(self) -> Query:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        pass

    def enter(self, within: FrameType | None = None) -> None:
        pass

    def leave(self) -> None:
        pass

    def set(self, **known: Any) -> None:
        pass

    def end(
        self, error: BaseException | None = None, *, took: int | None = None, status: str | None = None
    ) -> None:
        pass


def _lose(query: Query) -> None:
    """Stand for the delivery until it is loaded: it knows queries, so they cannot know it."""


take: Callable[[Query], None] = _lose
"""Takes a finished query over: `lineage.attribution.delivery.deliver`."""

UNRECORDED: Query = _Unrecorded()
"""Does nothing. As the open query of a thread it stands for: nothing that runs here is captured."""


def capture_nothing_here() -> None:
    """Capture no query of this thread any more: a sink that asks a database must not feed itself."""
    open_query.set(UNRECORDED)


def capture_again_here() -> None:
    """Capture queries of this thread again, after `capture_nothing_here`."""
    if open_query.get() is UNRECORDED:
        open_query.set(None)


@contextmanager
def capturing_nothing() -> Iterator[None]:
    """Capture no query of the code inside."""
    token = open_query.set(UNRECORDED)
    try:
        yield
    finally:
        open_query.reset(token)


def begin_query(
    query: object,
    source: Source,
    *,
    frame: FrameType | None = None,
    function: CodeType | None = None,
    plan: Plan | None = None,
) -> Query:
    """Begin to measure a query: a statement in any form that drivers take, or None where it is not known.

    `frame` is where to look for the application from; its callers count, and the caller's by default. Where
    none of them is the application's (a pool's thread), the place is that of `function`, if given. `plan` is
    what the settings mean, where it was looked up already.
    Returns a query that does nothing when lineage is disabled. Never raises.
    """
    if plan is None:
        plan = active_plan()
        if plan is None:
            return UNRECORDED
    outer = open_query.get()
    if outer is UNRECORDED:
        return UNRECORDED
    if frame is None:
        frame = sys._getframe(1)
    # Every captured call of the host waits for what follows: as few calls as can be, one fence for all of it.
    begun = Query(plan, source)
    is_whole, in_span = False, True
    with _BEGINNING:
        begun.started_at = time_ns()
        begun.started_ns = perf_counter_ns()
        begun.text = query if type(query) is str else statement_text(query)
        if outer is not None and nesting.is_open(outer, frame, _pid):
            if nesting.is_same(outer, begun):
                begun.outer = outer
                return begun
            begun.parent = outer
        if (
            active_scope.get() is not None
            or active_run.get() is not None
            or active_remote.get() is not None
            or process_runs
        ):
            attribute(begun)
        begun.spots = application_spots(frame, plan.application) or _spot_of(plan, function)
        in_span = _OPENTELEMETRY in sys.modules and may_be_in_span()
        is_whole = True
    if not is_whole:
        _begin_in_parts(begun, query, frame, function)
    if in_span:
        with _TRACING:
            span = current_span()
            begun.trace = trace_of(span)
            begun.span = span if plan.to_span and begun.trace is not None else None
    return begun


_OPENTELEMETRY = "opentelemetry.trace"


def _spot_of(plan: Plan, function: CodeType | None) -> tuple[Spot, ...]:
    if function is not None and plan.application.judge(function.co_filename) is not False:
        return ((function, -1),)
    return ()


def _begin_in_parts(begun: Query, query: object, frame: FrameType, function: CodeType | None) -> None:
    """Have one part that fails cost itself alone: each once more, behind a fence of its own."""
    with _BEGINNING:
        begun.started_at = begun.started_at or time_ns()
        begun.started_ns = begun.started_ns or perf_counter_ns()
    with _BEGINNING:
        begun.text = query if type(query) is str else statement_text(query)
    with _BEGINNING:
        attribute(begun)
    with _PLACING:
        begun.spots = application_spots(frame, begun.plan.application) or _spot_of(begun.plan, function)


def attribute(query: Query) -> None:
    """Note for whom, and inside which run and trace of another process, a query begins here."""
    query.scope = current_scope()
    query.remote = active_remote.get()
    run: Any = active_run.get()
    if run is None and process_runs:
        run = process_runs[0]
    # A run that has ended, or that a parent process began, tells no more of what happens here.
    if run is not None and not getattr(run, "ended", False):
        pid = getattr(run, "pid", None)
        if pid == query.pid:
            query.run = run.identity
        elif pid is None:
            query.remote_run = run.identity


def _plain(attributes: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    from lineage.context.scopes import scalars

    return scalars(attributes)


_pid = os.getpid()


def _renew_pid() -> None:
    # Asking the system for it costs more than the rest of a query's beginning.
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_renew_pid)
