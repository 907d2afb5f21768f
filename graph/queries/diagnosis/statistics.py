"""What is usual and what is not: medians and the spread around them, with a floor under the spread.

The thresholds are constants. They were chosen on histories made for the purpose and are held by a test on
histories that were not looked at while choosing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

LEAST = 5
"""How many earlier values or intervals it takes to say what is usual."""

LATE_FACTOR = 1.5
"""An age is late from this many usual intervals on."""

LATE_SPREADS = 6.0
"""An age is late from this many spreads beyond the usual interval on."""

JUMP_SPREADS = 4.0
"""A value jumps from this many spreads beyond the usual on, on the scale of logarithms."""

SPREAD_FLOOR = 0.1
"""The least spread of logarithms that is reckoned with: about 10 %."""

JUMP_FLOOR = math.log(1.5)
"""The least distance of logarithms that is a jump: half as much again, or a third less."""

_TO_DEVIATION = 1.4826
"""From a median absolute deviation to the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often something is written: the median of the intervals, their spread, and how late is late.

    `late_after` is the age beyond which a write is missing. `intervals` is how many were seen.
    """

    usual: timedelta
    spread: timedelta
    late_after: timedelta
    intervals: int


@dataclass(frozen=True, slots=True)
class Jump:
    """A value against what was usual before it; `factor` is value / usual, `spreads` how far off it is."""

    value: float
    usual: float
    factor: float
    spreads: float
    values: int
    since: datetime

    @property
    def up(self) -> bool:
        """Whether the value is more than usual."""
        return self.value > self.usual


def rhythm(times: Sequence[datetime]) -> Rhythm | None:
    """Return the rhythm of times in ascending order, None when there are too few to tell.

    A gap that was there twice before (weekends, say) is not late when it comes again.
    """
    intervals = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    if len(intervals) < LEAST:
        return None
    usual = median(intervals)
    spread = _TO_DEVIATION * median(abs(each - usual) for each in intervals)
    longest_but_one = sorted(intervals)[-2]
    late = max(LATE_FACTOR * usual, usual + LATE_SPREADS * spread, 1.1 * longest_but_one)
    return Rhythm(
        timedelta(seconds=usual), timedelta(seconds=spread), timedelta(seconds=late), len(intervals)
    )


def jump(values: Sequence[tuple[datetime, float]]) -> Jump | None:
    """Return how the last value, in order of time, jumps from those before; None when it does not.

    Where values before it jumped the same way without a return, `since` is the time of the first of them.
    """
    if len(values) <= LEAST:
        return None
    last = _against(values[-1], [value for _, value in values[:-1]])
    if last is None:
        return None
    since = values[-1][0]
    for place in range(len(values) - 2, LEAST - 1, -1):
        earlier = _against(values[place], [value for _, value in values[:place]])
        if earlier is None or earlier.up is not last.up:
            break
        since = values[place][0]
    return Jump(last.value, last.usual, last.factor, last.spreads, last.values, since)


def too_few(values: Sequence[object]) -> bool:
    """Tell whether there are too few values to say what is usual for the last of them."""
    return len(values) <= LEAST


def _against(point: tuple[datetime, float], before: Sequence[float]) -> Jump | None:
    when, value = point
    logs = [math.log1p(each) for each in before]
    usual = median(logs)
    # Counts scatter by their root: a small table may double by chance.
    floor = math.hypot(SPREAD_FLOOR, 1 / math.sqrt(max(1.0, math.expm1(usual))))
    spread = max(_TO_DEVIATION * median(abs(each - usual) for each in logs), floor)
    off = math.log1p(value) - usual
    if abs(off) < JUMP_FLOOR or abs(off) < JUMP_SPREADS * spread:
        return None
    middle = median(before)
    factor = value / middle if middle else math.inf
    return Jump(value, middle, factor, off / spread, len(before), when)
