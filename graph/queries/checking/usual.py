"""Volumes and durations: what each value is held against, and which are unusual.

Logarithms throughout: amounts grow and scatter by factors. What is expected of a value is the median of the
two weeks before it, with what its weekday adds; how far earlier values were off what was expected of them is
the spread. So growth and weekends are usual. What has been seen a few times before is usual too, such as the
full load among incremental ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from graph.queries.diagnosis.statistics import WINDOW, Bar, Jump, deviation, jump

_LEVEL_TIME = timedelta(days=14)
_LEVEL_VALUES = 7, 200
"""The least values that a level is the median of, where there are as many, and the most."""

_WEEKDAY_VALUES = 3
"""How many values of a weekday it takes to say what that day adds."""

_WEEKEND = (5, 6)

_NEARLY_ALL = 0.75
"""The share of the values of a weekday that are off at least half as far as their median."""

_CLEARLY = 3.0
"""A weekday is another where its median is off by more than this many standard errors."""

_KEPT = 200
"""How many earlier values are looked at."""

_SEEN_TIMES, _SEEN_SHARE = 2, 0.03
"""What was seen so often, and in this share of the values, is usual."""

_SAME = 0.5
"""Of amounts that are off, logarithms that differ by less are about the same."""


@dataclass(frozen=True, slots=True)
class Series:
    """Amounts in the order of time; `counts` says that they are numbers of things."""

    values: Sequence[tuple[datetime, float]]
    counts: bool


def unusual(series: Series, first: int, bar: Bar) -> Iterator[tuple[int, Jump]]:
    """Yield the places, from `first` on, of values that are off what those before let expect, and how far."""
    logs = [math.log1p(value) for _, value in series.values]
    levels = _levels(series.values, logs)
    offs: list[tuple[int, float]] = []
    by_day: dict[int, list[float]] = defaultdict(list)
    for place, (when, _) in enumerate(series.values):
        level = levels[place]
        if level is None:
            continue
        if place >= first:
            found = _judged(series, logs, place, level, offs, by_day, bar)
            if found is not None:
                yield place, found
        day = when.weekday()
        offs.append((place, logs[place] - level))
        by_day[day].append(logs[place] - level)


def _judged(
    series: Series,
    logs: Sequence[float],
    place: int,
    level: float,
    offs: Sequence[tuple[int, float]],
    by_day: dict[int, list[float]],
    bar: Bar,
) -> Jump | None:
    """Return how a value jumps, where it does and the like was not seen before.

    Every earlier value is taken to where it would be now: the level and the weekday of now, and as far off
    them as it was off those of its own time.
    """
    values = series.values
    added = _by_weekday([off for _, off in offs], by_day)
    here = level + added[values[place][0].weekday()]
    moved = [(values[at][0], here + off - added[values[at][0].weekday()]) for at, off in offs[-_KEPT:]]
    recent = {at: here - level - added[values[at][0].weekday()] for at, _ in offs[-(WINDOW - 1) :]}
    # The last few may have jumped together with this one: they are held against the same level.
    moved[len(moved) - len(recent) :] = [(values[at][0], logs[at] + off) for at, off in recent.items()]
    seen = [math.expm1(max(log, 0.0)) for _, log in moved]
    now = values[place]
    found = jump(
        [*((when, value) for (when, _), value in zip(moved, seen, strict=True)), now],
        counts=series.counts,
        bar=bar,
    )
    if found is None or found.hint:
        return None
    rests = now[0].weekday() in _WEEKEND
    alike = 0
    for (_, log), (at, _) in zip(moved, offs[-_KEPT:], strict=True):
        # A few values may have made a weekday look like another: the amount as it was counts as well.
        same_days = (values[at][0].weekday() in _WEEKEND) is rests
        amounts = (log, logs[at]) if same_days else (log,)
        alike += any(abs(each - logs[place]) < _SAME and abs(each - here) > bar.floor for each in amounts)
    return None if alike >= max(_SEEN_TIMES, _SEEN_SHARE * len(moved)) else found


def _by_weekday(offs: Sequence[float], by_day: Mapping[int, Sequence[float]]) -> dict[int, float]:
    """Return how far each weekday is off the level: all days as far, but for those that are clearly others.

    Saturdays and Sundays are taken together until there are enough of each.
    """
    always = median(offs) if offs else 0.0
    spread = deviation(offs) if offs else 0.0
    found = {}
    for day in range(7):
        own = by_day.get(day, ())[-_KEPT:]
        if len(own) < _WEEKDAY_VALUES and day in _WEEKEND:
            own = [off for each in _WEEKEND for off in by_day.get(each, ())]
        found[day] = median(own) if _is_another(own, always, spread) else always
    return found


def _is_another(own: Sequence[float], always: float, spread: float) -> bool:
    """Tell whether a weekday is another than all days: nearly all of its values are off, the same way."""
    if len(own) < _WEEKDAY_VALUES:
        return False
    off = median(own) - always
    alike = sum((each - always) / off >= 0.5 for each in own) if off else 0
    return alike >= _NEARLY_ALL * len(own) and abs(off) > _CLEARLY * spread / math.sqrt(len(own))


def _levels(values: Sequence[tuple[datetime, float]], logs: Sequence[float]) -> list[float | None]:
    """Return for each value the median of those in the two weeks before it; None for the first two."""
    found: list[float | None] = []
    begin = 0
    least, most = _LEVEL_VALUES
    for place, (when, _) in enumerate(values):
        while begin < place and values[begin][0] < when - _LEVEL_TIME:
            begin += 1
        start = max(min(begin, place - least), place - most, 0)
        found.append(median(logs[start:place]) if place >= 2 else None)
    return found
