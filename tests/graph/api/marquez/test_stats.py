"""Counts by hour and by day, in the zone of whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from made_events import dataset, put, run_event

from graph.api.marquez import stats
from graph.store import LineageStore

NOW = datetime(2026, 1, 8, 12, 30, tzinfo=UTC)


def test_a_day_is_this_hour_and_the_23_before_it() -> None:
    hours = stats.hours(NOW)
    assert len(hours) == 24
    assert hours[0].shown == {"startInterval": "2026-01-07T13:00:00Z", "endInterval": "2026-01-07T14:00:00Z"}
    assert hours[-1].shown["startInterval"] == "2026-01-08T12:00:00Z"


@pytest.mark.parametrize(
    ("zone", "now", "begins", "shown"),
    [
        ("UTC", NOW, datetime(2026, 1, 8, tzinfo=UTC), "2026-01-08T00:00:00Z"),
        ("Asia/Kolkata", NOW, datetime(2026, 1, 7, 18, 30, tzinfo=UTC), "2026-01-08T00:00:00Z"),
        (
            "America/New_York",
            datetime(2026, 1, 8, 3, tzinfo=UTC),
            datetime(2026, 1, 7, 5, tzinfo=UTC),
            "2026-01-07T00:00:00Z",
        ),
    ],
)
def test_a_week_is_seven_days_of_the_zone_shown_as_if_of_utc(
    zone: str, now: datetime, begins: datetime, shown: str
) -> None:
    days = stats.days(now, ZoneInfo(zone))
    assert len(days) == 7
    assert days[-1].begins == begins
    assert days[-1].shown["startInterval"] == shown


def test_the_day_on_which_clocks_change_has_23_hours() -> None:
    days = stats.days(datetime(2026, 3, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    (short,) = (day for day in days if day.shown["startInterval"] == "2026-03-29T00:00:00Z")
    assert short.ends.astimezone(UTC) - short.begins.astimezone(UTC) == timedelta(hours=23)


def test_events_are_counted_by_type_and_interval(store: LineageStore) -> None:
    put(
        store,
        run_event("1", "START", "2026-01-08T12:00:00Z"),
        run_event("1", "COMPLETE", "2026-01-08T12:29:59.999Z"),
        run_event("2", "START", "2026-01-08T11:59:59.999999Z"),
        run_event("2", "FAIL", "2026-01-07T12:59:59Z"),
        run_event("3", "RUNNING", "2026-01-08T12:10:00Z"),
    )
    counted = stats.events(store, stats.hours(NOW))
    assert [counted[-1][key] for key in ("start", "complete", "fail", "abort")] == [1, 1, 0, 0]
    assert counted[-2]["start"] == 1
    assert sum(hour["fail"] for hour in counted) == 0
    assert sum(day["fail"] for day in stats.events(store, stats.days(NOW, ZoneInfo("UTC")))) == 1


def test_a_day_of_a_zone_has_the_events_of_its_quarters(store: LineageStore) -> None:
    put(
        store,
        run_event("1", "START", "2026-01-07T18:29:59Z"),
        run_event("2", "START", "2026-01-07T18:30:00Z"),
    )
    counted = stats.events(store, stats.days(NOW, ZoneInfo("Asia/Kolkata")))
    assert [day["start"] for day in counted][-2:] == [1, 1]


def test_jobs_datasets_and_sources_are_counted_up(store: LineageStore) -> None:
    source = {"name": "db", "uri": "postgres://db:5432"}
    put(
        store,
        run_event("1", "START", "2026-01-06T12:00:00Z", inputs=[dataset("old", dataSource=source)]),
        run_event("2", "START", "2026-01-08T11:10:00Z", job="new", inputs=["new"]),
    )
    hours = stats.hours(NOW)
    assert [one["count"] for one in stats.jobs(store, hours)][-3:] == [1, 2, 2]
    assert [one["count"] for one in stats.datasets(store, hours)][-3:] == [1, 2, 2]
    put(store, run_event("3", "START", "2026-01-08T12:10:00Z", job="new", parent="p"))
    assert [one["count"] for one in stats.jobs(store, hours)][-3:] == [1, 2, 3]
    other = {"identifiers": [{"namespace": "ns", "name": "new", "type": "TABLE"}]}
    put(store, run_event("4", "START", "2026-01-08T12:10:00Z", inputs=[dataset("old", symlinks=other)]))
    assert [one["count"] for one in stats.datasets(store, hours)][-3:] == [1, 1, 1]
    assert [one["count"] for one in stats.named_sources(store, hours)][-3:] == [1, 2, 2]
