"""What is usual, what is late and what is a jump."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from graph.queries.diagnosis.statistics import Jump, jump, rhythm

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def hourly(*hours: float) -> list[datetime]:
    return [BEGIN + timedelta(hours=hour) for hour in hours]


def series(values: Sequence[float]) -> list[tuple[datetime, float]]:
    return [(BEGIN + timedelta(hours=place), value) for place, value in enumerate(values)]


def jumped(*values: float, counts: bool = True) -> Jump | None:
    found = jump(series(values), counts=counts)
    return None if found is None or found.hint else found


def test_five_intervals_make_a_rhythm_and_four_do_not() -> None:
    assert rhythm(hourly(*range(5))) is None
    found = rhythm(hourly(*range(6)))
    assert found is not None
    assert (found.usual, found.spread, found.intervals) == (timedelta(hours=1), timedelta(0), 5)
    assert found.late_after == timedelta(hours=1.5)


def test_an_irregular_rhythm_is_late_later() -> None:
    found = rhythm(hourly(0, 1, 3, 4, 6.5, 8, 10))
    assert found is not None
    assert found.late_after > timedelta(hours=5)


def test_writes_at_one_moment_are_no_rhythm() -> None:
    assert rhythm(hourly(*[1] * 10)) is None


def test_one_outage_does_not_change_the_rhythm() -> None:
    """The median does not feel it, and one long gap is no custom."""
    found = rhythm(hourly(0, 1, 2, 3, 30, 31, 32, 33))
    assert found is not None
    assert (found.usual, found.late_after) == (timedelta(hours=1), timedelta(hours=1.5))


def test_half_of_the_rows_are_a_jump() -> None:
    found = jumped(1000, 1010, 990, 1005, 1000, 995, 500)
    assert found is not None
    assert (found.value, found.usual, found.values, found.up) == (500, 1000, 6, False)
    assert found.factor == pytest.approx(0.5)
    assert found.since == BEGIN + timedelta(hours=6)


def test_what_jumped_before_and_stayed_there_began_then() -> None:
    found = jumped(1000, 1010, 990, 1005, 1000, 995, 480, 500, 520)
    assert found is not None
    assert (found.since, found.values) == (BEGIN + timedelta(hours=6), 6)


def test_a_jump_that_came_back_is_none() -> None:
    assert jumped(1000, 1010, 990, 1005, 1000, 995, 500, 1002) is None


def test_a_third_less_is_within_the_floor_however_steady_it_was() -> None:
    assert jumped(*[1000] * 20, 700) is None
    assert jumped(*[1000] * 20, 500) is not None


def test_what_always_varies_jumps_only_far() -> None:
    wild = [100, 900, 300, 2000, 150, 1200, 400, 100, 800]
    assert jumped(*wild, 3000) is None
    assert jumped(*wild, 10_000_000) is not None


def test_small_counts_double_by_chance_and_seconds_do_not() -> None:
    small = [3, 4, 2, 3, 3, 4, 3]
    assert jumped(*small, 9) is None
    assert jumped(*[9.0] * 7, 40.0, counts=False) is not None


def test_with_five_values_before_there_is_a_jump_and_with_four_none() -> None:
    assert jumped(1000, 1000, 1000, 1000, 10) is None
    assert jumped(1000, 1000, 1000, 1000, 1000, 10) is not None


def test_from_nothing_to_something_has_no_factor() -> None:
    found = jumped(0, 0, 0, 0, 0, 0, 5000)
    assert found is not None
    assert found.factor == float("inf")
    assert found.up
    gone = jumped(5000, 5000, 5000, 5000, 5000, 0)
    assert gone is not None
    assert (gone.factor, gone.up) == (0, False)
