"""Events by their time. Every function takes an open database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from graph.store._log import LogReader
from graph.store._reading import nanoseconds
from graph.store.database import Database

_QUARTER = 900 * 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BETWEEN = "e.event_time >= ? AND e.event_time < ?"


def events(
    db: Database,
    log: LogReader,
    between: tuple[datetime, datetime],
    latest_first: bool,
    page: tuple[int, int],
    namespace: str | None,
) -> list[bytes]:
    """See `Catalog.events`; `page` is how many, and behind how many."""
    order = "DESC" if latest_first else "ASC"
    tables, values = _of(namespace)
    rows = db.execute(
        f"SELECT e.seq FROM {tables} WHERE {_BETWEEN} AND e.run IS NOT NULL"
        f" ORDER BY e.event_time {order}, e.seq {order} LIMIT ? OFFSET ?",
        (*values, *_bounds(between), *page),
    )
    numbers = [seq for (seq,) in rows]
    bodies = dict(log.bodies_at(numbers))
    return [bodies[number] for number in numbers]


def count_events(db: Database, between: tuple[datetime, datetime], namespace: str | None) -> int:
    """See `Catalog.count_events`."""
    tables, values = _of(namespace)
    sql = f"SELECT count(*) FROM {tables} WHERE {_BETWEEN}"
    return int(db.execute(sql, (*values, *_bounds(between))).fetchone()[0])


def _of(namespace: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the tables of events `e` of all jobs, or of those in a namespace, and the values they take."""
    if namespace is None:
        return "event AS e", ()
    jobs = "SELECT key FROM node WHERE type = 3 AND namespace = ?"
    return f"(SELECT number FROM form WHERE owner IN ({jobs})) AS f JOIN event AS e ON e.form = f.number", (
        namespace,
    )


def event_types(
    db: Database, log: LogReader, between: tuple[datetime, datetime]
) -> dict[tuple[datetime, str], int]:
    """See `Catalog.event_types`."""
    rows = db.execute(
        f"SELECT e.event_time / {_QUARTER} AS quarter, e.form, count(*) FROM event AS e"
        f" WHERE {_BETWEEN} AND e.run IS NOT NULL GROUP BY quarter, e.form",
        _bounds(between),
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
