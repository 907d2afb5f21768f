"""When a run is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from graph.queries.checking.rhythms import due_by
from graph.queries.checking.sensitivity import Sensitivity

BARS = Sensitivity.DEFAULT.bars
MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)


def hours_until_missing(times: list[datetime], how: Sensitivity = Sensitivity.DEFAULT) -> float | None:
    due = due_by(times, how.bars)
    return None if due is None else round((due - times[-1]) / timedelta(hours=1), 1)


def on_days(*weekdays: int, weeks: int, last: int) -> list[datetime]:
    """Return a run at six on these days of some weeks, up to a day of the last week."""
    days = [week * 7 + day for week in range(weeks) for day in weekdays]
    return [MONDAY + timedelta(days=day) for day in days if day <= (weeks - 1) * 7 + last]


def test_a_daily_run_is_missing_after_a_day_and_a_half() -> None:
    times = on_days(*range(7), weeks=3, last=2)
    assert hours_until_missing(times) == 36
    assert hours_until_missing(times, Sensitivity.LOW) == 48
    assert hours_until_missing(times, Sensitivity.HIGH) == 30


def test_a_run_of_working_days_is_missed_within_the_week_and_not_at_its_end() -> None:
    assert hours_until_missing(on_days(*range(5), weeks=5, last=1)) == 36
    friday = hours_until_missing(on_days(*range(5), weeks=5, last=4))
    assert friday is not None
    assert friday > 72


def test_a_run_of_every_two_hours_may_rest_at_night() -> None:
    days = [MONDAY + timedelta(days=day) for day in range(16)]
    times = [day + timedelta(hours=hour) for day in days for hour in (0, 2, 4, 6, 8, 10)]
    at_noon, in_the_evening = times[: -6 + 3], times[:]
    assert hours_until_missing(at_noon) == 3
    assert hours_until_missing(in_the_evening) == 21


def test_a_job_without_a_rhythm_is_never_missing() -> None:
    gaps = [5, 60, 11, 30, 2, 90, 25, 3, 44, 70, 8, 15]
    times = [MONDAY + timedelta(hours=sum(gaps[:count])) for count in range(len(gaps))]
    assert hours_until_missing(times) is None


def test_a_few_runs_are_no_rhythm() -> None:
    assert due_by(on_days(*range(5), weeks=1, last=4), BARS) is None
