"""One query while it runs: measured, attributed, and captured once at its end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import FrameType
from typing import Any

from lineage._guard import guard
from lineage.attribution.callsite import Line, application_lines
from lineage.attribution.tracing import Trace, current_trace
from lineage.config import Config, current_config
from lineage.context import RunIdentity, Scope, active_run, current_scope
from lineage.errors import LineageError
from lineage.redaction import normalize_sql, redact_text, statement_text

_open: ContextVar[Query | None] = ContextVar("lineage_open_query", default=None)


class Source:
    """What is known of a connection: the same for all queries that go over it.

    `db_system` and `client` as in `postgresql` and `psycopg`; `dialect` is what the SQL is written in;
    `namespace` (OpenLineage's, `postgres://warehouse:5432`), `db_name` and `default_schema` name its tables.
    """

    __slots__ = ("client", "db_host", "db_name", "db_system", "default_schema", "dialect", "namespace")

    def __init__(
        self,
        db_system: str | None = None,
        client: str | None = None,
        *,
        db_name: str | None = None,
        db_host: str | None = None,
        dialect: str | None = None,
        namespace: str | None = None,
        default_schema: str | None = None,
    ) -> None:
        self.db_system = db_system
        self.client = client
        self.db_name = db_name
        self.db_host = db_host
        self.dialect = dialect
        self.namespace = namespace
        self.default_schema = default_schema


class Query:
    """One query from its beginning to its end, as a context manager around the work of a driver.

    `begin_query` makes it. What is set (`rows`, `query_id`, ...) may be set until the end; the end is told
    once, by `end` or by leaving the block. Nothing here raises and nothing is consumed or awaited.

    A query inside another one that is the same (a driver's below an ORM's) is no query of its own: it hands
    what it knows to the outer one. One with another statement is, and names the outer one as its parent.
    """

    # Defaults of the class: making a query sets only what is its own.
    rows: int | None = None
    bytes_read: int | None = None
    bytes_written: int | None = None
    query_id: str | None = None
    status = "ok"
    error: tuple[str, str] | None = None
    attributes: tuple[tuple[str, Any], ...] = ()
    include_text: bool | None = None
    include_raw: bool | None = None
    lines: tuple[Line, ...] = ()
    scope: Scope | None = None
    scope_ended = False
    run: RunIdentity | None = None
    remote_run: RunIdentity | None = None
    trace: Trace | None = None
    parent: Query | None = None
    event_id: str | None = None
    ended = False
    duration_ns = 0
    _outer: Query | None = None
    _token: Token[Query | None] | None = None

    def __init__(self, config: Config, text: str | None, source: Source) -> None:
        self.config = config
        self.text = text
        self.source = source
        self.pid = os.getpid()
        self.thread = threading.get_ident()
        self.started_at = time.time_ns()
        self.started_ns = time.perf_counter_ns()

    def __enter__(self) -> Query:
        self.enter()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.leave()
        self.end(error)

    def enter(self) -> None:
        """Be the open query of the code that runs now."""
        self._token = _open.set(self)

    def leave(self) -> None:
        """Be open no more, without an end: while the application works on rows that came already."""
        token, self._token = self._token, None
        if token is None:
            return
        try:
            _open.reset(token)
        except ValueError:  # left in another task or thread than entered
            if _open.get() is self:
                _open.set(None)

    def set(self, **known: Any) -> None:
        """Set `rows`, `bytes_read`, `bytes_written`, `query_id` or `attributes`; None is not known."""
        with guard("taking over what is known of a query"):
            for name, value in known.items():
                if value is None:
                    continue
                if name == "attributes":
                    self.attributes = (*self.attributes, *_plain(value))
                elif name == "query_id":
                    self.query_id = str(value)[:256]
                elif name in ("rows", "bytes_read", "bytes_written"):
                    setattr(self, name, _count(value))
                else:
                    raise TypeError(f"a query has no {name}")

    def end(
        self, error: BaseException | None = None, *, took: int | None = None, status: str | None = None
    ) -> None:
        """Tell the end: ok, an error, or cancelled. Only the first end counts.

        `took` are the nanoseconds it took and `status` is how it ended, where that is known better.
        """
        if self.ended or self.pid != os.getpid():
            return
        self.ended = True
        self.duration_ns = time.perf_counter_ns() - self.started_ns if took is None else took
        with guard("ending a query"):
            if error is not None:
                self.status = status_of(error)
                if self.status == "error":
                    self.error = _error(error)
            self.status = status or self.status
            if self._outer is not None:
                self._outer.complete_from(self)
                return
            self.scope_ended = self.scope is not None and self.scope.ended
            from lineage.attribution.delivery import deliver

            deliver(self)

    def complete_from(self, inner: Query) -> None:
        """Take over what a query inside this one knows and this one does not."""
        if self.text is None:
            self.text = inner.text
        for name in ("rows", "bytes_read", "bytes_written", "query_id"):
            if getattr(self, name) is None:
                setattr(self, name, getattr(inner, name))
        mine, theirs = self.source, inner.source
        self.source = Source(
            mine.db_system or theirs.db_system,
            mine.client or theirs.client,
            db_name=mine.db_name or theirs.db_name,
            db_host=mine.db_host or theirs.db_host,
            dialect=mine.dialect or theirs.dialect,
            namespace=mine.namespace or theirs.namespace,
            default_schema=mine.default_schema or theirs.default_schema,
        )
        self.attributes = (*self.attributes, *inner.attributes)


class _Unrecorded(Query):
    """The query that is not captured: lineage is disabled, or capturing failed."""

    ended = True

    def __init__(self) -> None:
        """Measures nothing, so there is nothing to know."""

    def enter(self) -> None:
        pass

    def leave(self) -> None:
        pass

    def set(self, **known: Any) -> None:
        pass

    def end(
        self, error: BaseException | None = None, *, took: int | None = None, status: str | None = None
    ) -> None:
        pass


UNRECORDED: Query = _Unrecorded()
"""Does nothing. As the open query of a thread it stands for: nothing that runs here is captured."""


def capture_nothing_here() -> None:
    """Capture no query of this thread any more: a sink that asks a database must not feed itself."""
    _open.set(UNRECORDED)


def begin_query(query: object, source: Source, *, frame: FrameType | None = None) -> Query:
    """Begin to measure a query: a statement in any form that drivers take, or None where it is not known.

    `frame` is where to look for the application from; its callers count, and the caller's by default.
    Returns a query that does nothing when lineage is disabled. Never raises.
    """
    try:
        config = current_config()
    except LineageError:
        return UNRECORDED  # said by whatever else reads the settings
    if config.disabled or not config.queries:
        return UNRECORDED
    outer = _open.get()
    if outer is UNRECORDED:
        return UNRECORDED
    with guard("beginning a query"):
        begun = Query(config, query if type(query) is str else statement_text(query), source)
        if outer is not None and not outer.ended:
            if _same(outer, begun):
                begun._outer = outer
                return begun
            begun.parent = outer
        with guard("attributing a query"):
            _attribute(begun, frame or sys._getframe(1))
        return begun
    return UNRECORDED


def _attribute(query: Query, frame: FrameType | None) -> None:
    query.lines = application_lines(frame, query.config)
    query.scope = current_scope()
    run: Any = active_run.get()
    # A run that has ended, or that a parent process began, tells no more of what happens here.
    if run is not None and not getattr(run, "ended", False):
        pid = getattr(run, "pid", None)
        if pid == query.pid:
            query.run = run.identity
        elif pid is None:
            query.remote_run = run.identity
    query.trace = current_trace()


def _same(outer: Query, inner: Query) -> bool:
    """Whether a query inside another one is that query, seen one layer further down."""
    if outer.text is None or inner.text is None or outer.text == inner.text:
        return True
    if outer.source.client is not None and outer.source.client == inner.source.client:
        return True
    return normalize_sql(outer.text) == normalize_sql(inner.text)


def status_of(error: BaseException) -> str:
    """Return how a query ended that ended with this exception: `error`, `cancelled`, or `ok`.

    A generator that is closed early has what it wanted: GeneratorExit is `ok`.
    """
    if isinstance(error, GeneratorExit):
        return "ok"
    asyncio_exceptions = sys.modules.get("asyncio.exceptions")
    cancelled = getattr(asyncio_exceptions, "CancelledError", KeyboardInterrupt)
    return "cancelled" if isinstance(error, KeyboardInterrupt | SystemExit | cancelled) else "error"


def _error(error: BaseException) -> tuple[str, str]:
    kind = type(error).__qualname__
    text = ""
    with guard("reading an error's message"):
        text = redact_text(str(error), limit=500)
    return kind, text


def _count(value: Any) -> int | None:
    count = int(value)
    return count if count >= 0 else None  # drivers say -1 for what they do not know


def _plain(attributes: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    from lineage.context.scopes import scalars

    return scalars(attributes)
