"""`trace_query` and `capture_query`: queries that no integration sees, told by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, TypeVar, cast

from lineage._calls import around_calls
from lineage._guard import guard
from lineage.attribution.nesting import GENERATOR, hold_in_generator, open_query
from lineage.attribution.query import UNRECORDED, Query, begin_query
from lineage.attribution.source import Source

F = TypeVar("F", bound=Callable[..., Any])


class TraceQuery:
    """`trace_query(...)`: a context manager, also asynchronous, that gives the `Query`; and a decorator."""

    __slots__ = ("_begin", "_held")

    def __init__(self, begin: Callable[[FrameType, CodeType | None], Query]) -> None:
        self._begin = begin
        self._held: list[Query] = []

    def __enter__(self) -> Query:
        return self._entered(sys._getframe(1))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._held:
            self._left().end(error)

    async def __aenter__(self) -> Query:
        return self._entered(sys._getframe(1))

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.__exit__(kind, error, trace)

    def _entered(self, frame: FrameType) -> Query:
        query = self._begin(frame, None)
        if query is not UNRECORDED:
            if frame.f_code.co_flags & GENERATOR:
                hold_in_generator(query, frame)
            query.__enter__()
        self._held.append(query)
        return query

    def _left(self) -> Query:
        """Return the query entered here: other tasks may have entered and not yet left the same object."""
        if len(self._held) == 1:
            return self._held.pop()
        here = open_query.get()
        for query in reversed(self._held):
            if query is here:
                self._held.remove(query)
                return query
        return self._held.pop()

    def __call__(self, function: F) -> F:
        """Measure each call of a function, coroutine function or generator."""
        begin, code = self._begin, getattr(function, "__code__", None)
        return cast("F", around_calls(function, lambda args, kwargs: begin(sys._getframe(1), code)))


def trace_query(
    query: object = None,
    *,
    db_system: str | None = None,
    client: str | None = None,
    include_query_text: bool | None = None,
    include_raw_query_text: bool | None = None,
    attributes: Mapping[str, Any] | None = None,
    **source: Any,
) -> TraceQuery:
    """Measure the code inside as one query.

    `with trace_query("SELECT ...", db_system="postgresql") as q: ...; q.set(rows=3)`. The query may be
    anything drivers take. `source` are the further arguments of `Source`: `db_name`, `db_host`, `dialect`,
    `namespace`, `default_schema`; other names raise TypeError here. What is set after the block is ignored.

    A block around `yield` counts as open only while the generator itself runs.
    """
    origin = Source(db_system, client, **source) if source else _source(db_system, client)

    def begin(frame: FrameType, function: CodeType | None) -> Query:
        begun = begin_query(query, origin, frame=frame, function=function)
        if begun is not UNRECORDED:
            if include_query_text is not None or include_raw_query_text is not None:
                begun.include_text, begun.include_raw = include_query_text, include_raw_query_text
            if attributes is not None:
                begun.set(attributes=attributes)
        return begun

    return TraceQuery(begin)


_source = lru_cache(maxsize=256)(Source)


def capture_query(
    query: object = None,
    *,
    started_at: datetime | float | str | None = None,
    ended_at: datetime | float | str | None = None,
    duration_ms: float | None = None,
    status: str | None = None,
    error: BaseException | None = None,
    rows: int | None = None,
    bytes_read: int | None = None,
    bytes_written: int | None = None,
    query_id: str | None = None,
    db_system: str | None = None,
    client: str | None = None,
    include_query_text: bool | None = None,
    include_raw_query_text: bool | None = None,
    attributes: Mapping[str, Any] | None = None,
    **source: Any,
) -> None:
    """Tell of a query that something else has measured.

    Times are datetimes, seconds since the epoch or RFC 3339 text; without a time zone they are local. Of
    start, end and duration two are enough; with none of them the query has just ended and took no time.
    `status` is `ok`, `error` or `cancelled`, and follows from `error` when it is not given. A value that
    cannot be read is left out, and nothing raises but TypeError for a `source` argument that is none.
    """
    told = begin_query(query, Source(db_system, client, **source), frame=sys._getframe(1))
    if told is UNRECORDED:
        return
    told.include_text, told.include_raw = include_query_text, include_raw_query_text
    took = None
    with guard("capturing a query"):
        told.set(
            rows=rows,
            bytes_read=bytes_read,
            bytes_written=bytes_written,
            query_id=query_id,
            attributes=attributes,
        )
        took = _place_in_time(told, _nanoseconds(started_at), _nanoseconds(ended_at), duration_ms)
    told.end(error, took=took or 0, status=status)


def _place_in_time(query: Query, start: int | None, end: int | None, duration_ms: float | None) -> int:
    """Put a query where it was told to have run, and return the nanoseconds it took."""
    took = None
    if duration_ms is not None:
        with guard("reading a duration"):
            took = round(duration_ms * 1e6)
    if took is None:
        took = end - start if start is not None and end is not None else 0
    if start is None:
        start = (end if end is not None else query.started_at) - took
    query.started_at, query.ended_at = start, end
    return took


def _nanoseconds(instant: datetime | float | str | None) -> int | None:
    if instant is None:
        return None
    with guard("reading a time"):
        if isinstance(instant, str):
            instant = datetime.fromisoformat(instant)
        if isinstance(instant, datetime):
            aware = instant if instant.tzinfo is not None else instant.astimezone()
            return (aware - _EPOCH) // _MICROSECOND * 1000
        return round(instant * 1e6) * 1000  # more than a float of today holds would be invented
    return None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
