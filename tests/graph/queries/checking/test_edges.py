"""What is new among the datasets of a job's runs, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from graph.queries.checking.edges import edge_news
from graph.queries.checking.sensitivity import Sensitivity

A, B, C = 1, 2, 3
BARS = Sensitivity.DEFAULT.bars


def told(runs: Sequence[set[int]], first: int = 7) -> list[tuple[int, int, str]]:
    news = edge_news([frozenset(run) for run in runs], first, BARS)
    return [(each.place, each.dataset, "new" if each.is_new else "missing") for each in news]


def test_what_is_new_is_told_once() -> None:
    assert told([*[{A, B}] * 10, {A, B, C}, {A, B, C}, {A, B}, {A, B, C}]) == [(10, C, "new")]


def test_what_was_always_there_is_missing_at_once_and_told_once_until_it_is_back() -> None:
    runs = [*[{A, B}] * 20, {A}, {A}, {A}, *[{A, B}] * 20, {B}]
    assert told(runs) == [(20, B, "missing"), (43, A, "missing")]


def test_after_few_runs_it_takes_two_that_lack_it() -> None:
    assert told([*[{A, B}] * 8, {A}, {A}]) == [(9, B, "missing")]


def test_what_is_missing_since_before_is_no_news() -> None:
    assert told([*[{A, B}] * 20, *[{A}] * 10], first=25) == []
    assert told([*[{A, B}] * 20, *[{A}] * 10], first=20) == [(20, B, "missing")]


def test_what_is_read_now_and_then_may_be_missing() -> None:
    """By chance alone it is told about once in a thousand runs, as its bar says."""
    picks = map(Random, range(20))
    jobs = [[{A, B} if pick.random() < 0.3 else {A} for _ in range(200)] for pick in picks]
    assert sum(len(told(runs)) for runs in jobs) <= 8
    assert told([*jobs[0], *[{A}] * 30])[-1][1:] == (B, "missing")


def test_a_job_that_writes_a_new_dataset_a_day_may_do_so() -> None:
    assert told([{A, 100 + day} for day in range(60)]) == []
    assert told([*({A, 100 + day} for day in range(60)), {160}]) == [(60, A, "missing")]
