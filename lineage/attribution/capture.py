"""`trace_query` and `capture_query`: queries that no integration sees, told by hand."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from lineage._calls import around_calls
from lineage._guard import guard
from lineage.attribution.query import UNRECORDED, Query, Source, begin_query

F = TypeVar("F", bound=Callable[..., Any])


class TraceQuery:
    """`trace_query(...)`: a context manager, also asynchronous, that gives the `Query`; and a decorator."""

    __slots__ = ("_begin", "_held")

    def __init__(self, begin: Callable[[Any], Query]) -> None:
        self._begin = begin
        self._held: list[Query] = []

    def __enter__(self) -> Query:
        query = self._begin(sys._getframe(1))
        self._held.append(query)
        return query.__enter__()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._held:
            self._held.pop().__exit__(kind, error, trace)

    async def __aenter__(self) -> Query:
        query = self._begin(sys._getframe(1))
        self._held.append(query)
        return query.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Measure each call of a function, coroutine function or generator."""
        begin = self._begin
        return cast("F", around_calls(function, lambda args, kwargs: begin(sys._getframe(1))))


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
    `namespace`, `default_schema`.
    """

    def begin(frame: Any) -> Query:
        begun: Query = UNRECORDED
        with guard("beginning a traced query"):
            begun = begin_query(query, Source(db_system, client, **source), frame=frame)
            if begun is not UNRECORDED:
                begun.include_text, begun.include_raw = include_query_text, include_raw_query_text
                begun.set(attributes=attributes)
        return begun

    return TraceQuery(begin)


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

    Times are datetimes, seconds since the epoch or RFC 3339 text. Of start, end and duration two are enough;
    with none of them the query has just ended and took no time. `status` is `ok`, `error` or `cancelled`, and
    follows from `error` when it is not given.
    """
    with guard("capturing a query"):
        told = begin_query(query, Source(db_system, client, **source), frame=sys._getframe(1))
        if told is UNRECORDED:
            return
        told.include_text, told.include_raw = include_query_text, include_raw_query_text
        told.set(
            rows=rows,
            bytes_read=bytes_read,
            bytes_written=bytes_written,
            query_id=query_id,
            attributes=attributes,
        )
        start, end = _nanoseconds(started_at), _nanoseconds(ended_at)
        took = round(duration_ms * 1e6) if duration_ms is not None else None
        if took is None:
            took = end - start if start is not None and end is not None else 0
        if start is None:
            start = (end if end is not None else time.time_ns()) - took
        told.started_at = start
        told.end(error, took=took, status=status)


def _nanoseconds(instant: datetime | float | str | None) -> int | None:
    if instant is None:
        return None
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    if isinstance(instant, datetime):
        aware = instant if instant.tzinfo is not None else instant.astimezone()
        return round(aware.astimezone(UTC).timestamp() * 1e6) * 1000
    return round(instant * 1e9)
