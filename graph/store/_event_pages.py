"""Events by their time. Every function takes an open database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from graph.store._event_spans import IN_SPANS, Span, spans_in
from graph.store._log import LogReader
from graph.store._reading import nanoseconds
from graph.store.database import Database

_QUARTER = 900 * 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FROM = f"FROM each_key(?) AS k CROSS JOIN {IN_SPANS} WHERE e.event_time >= ? AND e.event_time < ?"


def events(
    db: Database,
    log: LogReader,
    between: tuple[datetime, datetime],
    latest_first: bool,
    page: tuple[int, int],
    namespace: str | None,
) -> list[bytes]:
    """See `Catalog.events`; `page` is how many, and behind how many."""
    numbers = _page(db, _bounds(between), latest_first, page, namespace)
    bodies = dict(log.bodies_at(numbers))
    return [bodies[number] for number in numbers]


def _page(
    db: Database, bounds: tuple[int, int], latest_first: bool, page: tuple[int, int], namespace: str | None
) -> list[int]:
    """Return the numbers of events, looked for in ever more spans until the others have none before them."""
    order = "DESC" if latest_first else "ASC"
    where, values = _of(namespace)
    sql = (
        f"SELECT e.seq, e.event_time {_FROM} AND e.run IS NOT NULL{where}"
        f" ORDER BY e.event_time {order}, e.seq {order} LIMIT ? OFFSET ?"
    )
    spans = sorted(spans_in(db, *bounds), key=_last if latest_first else _first, reverse=latest_first)
    looked_at = _enough(spans, sum(page))
    while True:
        numbers = [span.number for span in spans[:looked_at]]
        rows = db.execute(sql, (numbers, *bounds, *values, *page)).fetchall()
        left = spans[looked_at : looked_at + 1]
        if not left or (len(rows) == page[0] and _is_before(rows, left[0], latest_first)):
            return [seq for seq, _ in rows]
        looked_at *= 2


def _is_before(rows: list[tuple[int, int]], span: Span, latest_first: bool) -> bool:
    """Tell whether events come before all of a span."""
    return not rows or (rows[-1][1] > span.last if latest_first else rows[-1][1] < span.first)


def _enough(spans: list[Span], wanted: int) -> int:
    """Return how many spans at least have so many events of runs."""
    count = 0
    for place, span in enumerate(spans, 1):
        count += span.of_runs
        if count >= wanted:
            return place
    return max(1, len(spans))


def _first(span: Span) -> int:
    return span.first


def _last(span: Span) -> int:
    return span.last


def count_events(db: Database, between: tuple[datetime, datetime], namespace: str | None) -> int:
    """See `Catalog.count_events`."""
    bounds = _bounds(between)
    spans = spans_in(db, *bounds)
    where, values = _of(namespace)
    whole = 0
    if namespace is None:
        whole = sum(span.events for span in spans if span.lies_in(*bounds))
        spans = [span for span in spans if not span.lies_in(*bounds)]
    numbers = [span.number for span in spans]
    (count,) = db.execute(f"SELECT count(*) {_FROM}{where}", (numbers, *bounds, *values)).fetchone()
    return whole + int(count)


def _of(namespace: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the condition on events `e` of jobs in a namespace, and the values that it takes."""
    if namespace is None:
        return "", ()
    jobs = "SELECT key FROM node WHERE type = 3 AND namespace = ?"
    return f" AND e.form IN (SELECT number FROM form WHERE owner IN ({jobs}))", (namespace,)


def event_types(
    db: Database, log: LogReader, between: tuple[datetime, datetime]
) -> dict[tuple[datetime, str], int]:
    """See `Catalog.event_types`."""
    bounds = _bounds(between)
    rows = db.execute(
        f"SELECT e.event_time / {_QUARTER} AS quarter, e.form, count(*) {_FROM} AND e.run IS NOT NULL"
        " GROUP BY quarter, e.form",
        ([span.number for span in spans_in(db, *bounds)], *bounds),
    ).fetchall()
    found: dict[tuple[datetime, str], int] = {}
    for quarter, form, count in rows:
        slot = _EPOCH + timedelta(minutes=15 * quarter), log.event_type(form)
        found[slot] = found.get(slot, 0) + count
    return found


def _bounds(between: tuple[datetime, datetime]) -> tuple[int, int]:
    """Return times as the store has them; what lies outside of its time is its beginning or end."""
    first, last = (min(max(nanoseconds(time), -(2**63)), 2**63 - 1) for time in between)
    return first, last
