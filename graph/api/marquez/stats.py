"""How many events, jobs, datasets and sources there were: by hour of a day, or by day of a week."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from graph.api.marquez import sources
from graph.api.marquez.times import instant
from graph.nodes import NodeType
from graph.store.base import LineageStore

_TYPES = ("FAIL", "START", "COMPLETE", "ABORT")


class Interval(NamedTuple):
    """A span of time, and how it is shown: Marquez shows local days as if they were of UTC."""

    begins: datetime
    ends: datetime
    shown: dict[str, str | None]


def hours(now: datetime) -> list[Interval]:
    """Return this hour and the 23 before it."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begins = [last - timedelta(hours=back) for back in range(23, -1, -1)]
    return [_interval(at, at + timedelta(hours=1), at, at + timedelta(hours=1)) for at in begins]


def days(now: datetime, zone: ZoneInfo) -> list[Interval]:
    """Return today and the six days before it, as they are where the zone is."""
    today = now.astimezone(zone).date()
    found = []
    for back in range(6, -1, -1):
        day = today - timedelta(days=back)
        ends = [datetime(at.year, at.month, at.day, tzinfo=zone) for at in (day, day + timedelta(days=1))]
        shown = [at.replace(tzinfo=UTC) for at in ends]
        found.append(_interval(*ends, *shown))
    return found


def _interval(begins: datetime, ends: datetime, shown: datetime, shown_end: datetime) -> Interval:
    return Interval(begins, ends, {"startInterval": instant(shown), "endInterval": instant(shown_end)})


def events(store: LineageStore, intervals: list[Interval]) -> list[dict[str, Any]]:
    """Return how many events of runs began, ended and failed in each interval."""
    counts = [dict.fromkeys(_TYPES, 0) for _ in intervals]
    begins = [interval.begins for interval in intervals]
    found = store.catalog.event_types(since=begins[0], before=intervals[-1].ends)
    for (at, kind), count in found.items():
        if kind in _TYPES:
            counts[bisect_right(begins, at) - 1][kind] += count
    return [
        {**interval.shown, **{kind.lower(): count[kind] for kind in _TYPES}}
        for interval, count in zip(intervals, counts, strict=True)
    ]


def jobs(store: LineageStore, intervals: list[Interval]) -> list[dict[str, Any]]:
    """Return how many jobs there were at the end of each interval."""
    return _growing(store.catalog.first_named(NodeType.JOB), intervals)


def datasets(store: LineageStore, intervals: list[Interval]) -> list[dict[str, Any]]:
    """Return how many datasets there were at the end of each interval."""
    return _growing(store.catalog.first_named(NodeType.DATASET), intervals)


def named_sources(store: LineageStore, intervals: list[Interval]) -> list[dict[str, Any]]:
    """Return how many sources there were at the end of each interval."""
    return _growing(map(datetime.fromisoformat, sources.created(store)), intervals)


def _growing(created: Iterable[datetime], intervals: list[Interval]) -> list[dict[str, Any]]:
    times = sorted(created)
    return [{**interval.shown, "count": bisect_left(times, interval.ends)} for interval in intervals]
