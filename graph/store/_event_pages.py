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
    limit: int,
    offset: int,
) -> list[bytes]:
    """See `Catalog.events`."""
    order = "DESC" if latest_first else "ASC"
    rows = db.execute(
        f"SELECT e.seq FROM event AS e WHERE {_BETWEEN} AND e.run IS NOT NULL"
        f" ORDER BY e.event_time {order}, e.seq {order} LIMIT ? OFFSET ?",
        (*_bounds(between), limit, offset),
    )
    numbers = [seq for (seq,) in rows]
    bodies = dict(log.bodies_at(numbers))
    return [bodies[number] for number in numbers]


def count_events(db: Database, between: tuple[datetime, datetime]) -> int:
    """See `Catalog.count_events`."""
    sql = f"SELECT count(*) FROM event AS e WHERE {_BETWEEN}"
    return int(db.execute(sql, _bounds(between)).fetchone()[0])


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
