"""Which volumes and durations are unusual."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from graph.queries.checking.sensitivity import Sensitivity
from graph.queries.checking.usual import Series, unusual

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def daily(amounts: Sequence[float]) -> Series:
    return Series([(BEGIN + timedelta(days=day), amount) for day, amount in enumerate(amounts)], counts=True)


def told(amounts: Sequence[float], first: int = 14, how: Sensitivity = Sensitivity.DEFAULT) -> list[int]:
    return [place for place, _ in unusual(daily(amounts), first, how.bars.volume)]


def noisy(count: int, of: Callable[[int], float], noise: float = 0.1) -> list[float]:
    pick = Random(7)
    return [of(place) * math.exp(pick.gauss(0, noise)) for place in range(count)]


def test_a_volume_that_falls_to_a_third_is_told_at_once() -> None:
    assert told([*noisy(30, lambda _: 10_000), 3_300]) == [30]
    assert told([*noisy(30, lambda _: 10_000), 0]) == [30]


def test_amounts_that_never_varied_may_vary_a_little() -> None:
    assert told([*[10_000.0] * 30, 11_000]) == []
    assert told([*[10_000.0] * 30, 40_000]) == [30]
    assert told([*[0.0] * 30, 0]) == []


def test_growth_is_usual() -> None:
    assert told(noisy(90, lambda day: 10_000 * 1.02**day)) == []


def test_a_weekend_is_usual_and_a_monday_like_it_is_not() -> None:
    weeks = noisy(63, lambda day: 1_000 if day % 7 >= 5 else 10_000)
    assert told(weeks) == []
    assert told([*weeks, 1_000]) == [63]


def test_the_full_load_among_incremental_ones_is_usual_after_a_few() -> None:
    loads = noisy(60, lambda day: 200_000 if day % 5 == 3 else 10_000)
    assert told(loads, first=28) == []
    assert told([*loads, 1_000], first=28) == [60]


def test_what_lasts_becomes_usual() -> None:
    shifted = [*noisy(30, lambda _: 10_000), *noisy(30, lambda _: 50_000)]
    places = told(shifted)
    assert places[0] == 30
    assert places[-1] < 36


@pytest.mark.parametrize(
    ("amount", "words"),
    [(35_000, ["low", "default", "high"]), (25_000, ["default", "high"]), (16_000, ["high"]), (13_000, [])],
)
def test_each_sensitivity_tells_all_that_a_lower_one_does(amount: float, words: list[str]) -> None:
    amounts = [*noisy(40, lambda _: 10_000, noise=0.05), amount]
    assert [word for word in Sensitivity if told(amounts, first=40, how=word)] == words


def test_a_later_value_changes_nothing_about_an_earlier_one() -> None:
    """A check of two months tells what a check a day would have told."""
    amounts = noisy(60, lambda day: 10_000 * (5 if day in (25, 40, 41) else 1), noise=0.3)
    at_once = told(amounts)
    one_by_one = [place for day in range(14, 60) for place in told(amounts[: day + 1], first=day)]
    assert at_once == one_by_one
    assert 25 in at_once
