"""What the runs of a job read and write: what is new, and what is missing that was always there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graph.queries.checking.sensitivity import LEAST_RUNS, Bars, chance

_KEPT = 60
"""How many earlier runs are looked at."""


@dataclass(frozen=True, slots=True)
class EdgeNews:
    """A dataset that is new at a run, or that the last `runs` lack; before it was in `seen` of `of` runs."""

    place: int
    dataset: int
    is_new: bool
    seen: int
    of: int
    runs: int = 1


def edge_news(touched: Sequence[frozenset[int]], first: int, bars: Bars) -> Iterator[EdgeNews]:
    """Yield what is new or missing at the runs from `first` on; `touched` has the datasets of each run.

    Where many runs name datasets anew, as those that write one a day do, a new one is usual.
    """
    ever: set[int] = set()
    brought_news: list[bool] = []
    told: set[int] = set()
    for place, now in enumerate(touched):
        before = touched[max(0, place - _KEPT) : place]
        if place >= first and before and chance(sum(brought_news[-_KEPT:]), len(before)) < bars.new:
            yield from (EdgeNews(place, key, True, 0, len(before)) for key in sorted(now - ever))
        if place >= max(first - _KEPT, 1):
            # What was missing before `first` already is no news there.
            missing = list(_missing(touched, place, bars))
            if place >= first:
                yield from (each for each in missing if each.dataset not in told)
            told |= {each.dataset for each in missing}
        told -= now
        brought_news.append(place > 0 and not now <= ever)
        ever |= now


def _missing(touched: Sequence[frozenset[int]], place: int, bars: Bars) -> Iterator[EdgeNews]:
    """Yield the datasets that a run lacks, with the runs before it that lack them too."""
    window = touched[max(0, place - _KEPT) : place + 1]
    for dataset in sorted(frozenset().union(*window[:-1]) - window[-1]):
        lacking = next(run for run in range(len(window)) if dataset in window[-1 - run])
        before = window[: len(window) - lacking]
        since = next(run for run, each in enumerate(before) if dataset in each)
        of, seen = len(before) - since, sum(dataset in each for each in before)
        always = seen == of
        if of < (LEAST_RUNS if always else 2 * LEAST_RUNS):
            continue
        bar = bars.gone if always else bars.gone_sometimes
        if chance(of - seen, of) ** lacking < bar:
            yield EdgeNews(place, dataset, False, seen, of, lacking)
