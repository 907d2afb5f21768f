"""Runs that do not come: how long the gap after a run usually is, by the hour and weekday of that run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from statistics import median

from graph.queries.checking.sensitivity import Bars
from graph.queries.diagnosis.statistics import LEAST, deviation, late_after

_KEPT = 60
"""How many earlier gaps are looked at."""

_OFTEN = timedelta(hours=20).total_seconds()
"""What runs more often than this may rest at night."""

_OF_WEEKDAY, _OF_HOUR = 2, 5
"""How many gaps it takes after runs of the same weekday and hour, and of the same hour, to go by these."""

_ALIKE = 3
"""How many gaps of a weekday or hour that are like all others it takes to go by them."""

_LIKE_ALL = 0.25
"""Gaps of a weekday or hour count by themselves where their median differs by more than this share."""

_IRREGULAR = 0.5
"""Gaps that scatter by more than this share of their median are no rhythm."""

_DAY = 86_400.0


def due_by(times: Sequence[datetime], bars: Bars) -> datetime | None:
    """Return when the run after these is missing, in ascending order; None where they have no rhythm."""
    last = times[-1]
    gaps = [(one, (two - one).total_seconds()) for one, two in pairwise(times[-_KEPT * 8 :])]
    everything = [gap for _, gap in gaps[-_KEPT:]]
    if len(everything) < LEAST or (usual := median(everything)) <= 0:
        return None
    if deviation(everything) > _IRREGULAR * usual:
        return None
    near = [(one, gap) for one, gap in gaps if usual >= _OFTEN or _of_one_hour(one, last, usual)]
    of_day = [gap for one, gap in near if one.weekday() == last.weekday()][-_KEPT:]
    of_hour = [gap for _, gap in near][-_KEPT:]
    late = partial(late_after, factor=bars.late_factor, spreads=bars.late_spreads)
    for least, some in ((_OF_WEEKDAY, of_day), (_OF_HOUR, of_hour)):
        if len(some) >= least and abs(median(some) - usual) > _LIKE_ALL * usual:
            return last + timedelta(seconds=late(some))
    # After most runs the gap is as always: those of the weekday leave out the weekends of other days.
    alike = [everything, *(some for some in (of_day, of_hour) if len(some) >= _ALIKE)]
    return last + timedelta(seconds=min(map(late, alike)))


def _of_one_hour(one: datetime, other: datetime, usual: float) -> bool:
    """Tell whether two runs began at about the same time of the day."""
    apart = abs((one - other).total_seconds()) % _DAY
    return min(apart, _DAY - apart) <= usual / 2
