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

JUMP_SPREADS = 3.5
"""A value jumps from this many spreads beyond the usual on, on the scale of logarithms."""

JUMP_FLOOR = math.log(1.5)
"""The least distance of logarithms that is a jump: half as much again, or a third less."""

HINT_SPREADS = 2.5
"""From this many spreads on a value is a hint: no jump by itself, but it explains a jump of what it feeds."""

WINDOW = 3
"""Up to this many last values may have jumped together; their mean is then held against those before."""

PRIOR_SPREAD, PRIOR_VALUES = 0.12, 5
"""The spread of logarithms that is expected beforehand, and how many values that expectation weighs."""


@dataclass(frozen=True, slots=True)
class Bar:
    """How far off is off: a jump is so many spreads from the usual, and a distance of logarithms.

    That is `floor` where several values on end are off, `once` where one is.
    """

    spreads: float = JUMP_SPREADS
    floor: float = JUMP_FLOOR
    once: float = JUMP_FLOOR


_SHARE = 0.6
"""Each value of a window is off by at least this part of their mean: one wild value is no window."""

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

    def missed(self, age: timedelta) -> int:
        """Return how many writes are missing at an age: none until it is late, then one for each interval."""
        return max(1, int(age / self.usual)) if age > self.late_after else 0


@dataclass(frozen=True, slots=True)
class Jump:
    """A value against what was usual before it; `factor` is value / usual, `spreads` how far off it is.

    `since` is the time of the first value that jumped, `values` how many there were before. A `hint` is not
    enough to be a jump by itself.
    """

    value: float
    usual: float
    factor: float
    spreads: float
    values: int
    since: datetime
    hint: bool

    @property
    def up(self) -> bool:
        """Whether the value is more than usual."""
        return self.spreads > 0


def rhythm(times: Sequence[datetime]) -> Rhythm | None:
    """Return the rhythm of times in ascending order, None when there are too few to tell.

    A gap that was there twice before (weekends, say) is not late when it comes again.
    """
    intervals = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    if len(intervals) < LEAST:
        return None
    usual = median(intervals)
    if usual == 0:
        return None  # written in bursts: there is nothing to be late for
    spread = deviation(intervals)
    late = late_after(intervals)
    return Rhythm(
        timedelta(seconds=usual), timedelta(seconds=spread), timedelta(seconds=late), len(intervals)
    )


def late_after(
    intervals: Sequence[float], *, factor: float = LATE_FACTOR, spreads: float = LATE_SPREADS
) -> float:
    """Return the interval beyond which something is late that comes in these, two or more of them."""
    usual = median(intervals)
    return max(factor * usual, usual + spreads * deviation(intervals), 1.1 * sorted(intervals)[-2])


def deviation(values: Sequence[float]) -> float:
    """Return the spread of values around their median, as a standard deviation that outliers do not move."""
    middle = median(values)
    return _TO_DEVIATION * median(abs(each - middle) for each in values)


def jump(values: Sequence[tuple[datetime, float]], *, counts: bool = False, bar: Bar = Bar()) -> Jump | None:
    """Return how the last value, in order of time, jumps from those before; None when it does not.

    The last two or three values count as one jump where that stands out more. `counts` says that the
    values are numbers of things: small ones double by chance. What is less than the bar's spreads is a hint.
    """
    best: Jump | None = None
    for width in range(1, WINDOW + 1):
        if len(values) - width < LEAST:
            break
        found = _against(values[-width:], [value for _, value in values[:-width]], counts, bar)
        if found is not None and (best is None or abs(found.spreads) > abs(best.spreads)):
            best = found
    return best


def too_few(values: Sequence[object]) -> bool:
    """Tell whether there are too few values to say what is usual for the last of them."""
    return len(values) <= LEAST


def _against(
    window: Sequence[tuple[datetime, float]], before: Sequence[float], counts: bool, bar: Bar
) -> Jump | None:
    logs = [math.log1p(each) for each in before]
    usual = median(logs)
    offs = [math.log1p(value) - usual for _, value in window]
    off = sum(offs) / len(offs)
    if abs(off) < (bar.once if len(offs) == 1 else bar.floor) or min(each / off for each in offs) < _SHARE:
        return None
    spreads = off / (_spread(logs, usual, counts=counts) / math.sqrt(len(offs)))
    if abs(spreads) < HINT_SPREADS:
        return None
    value, middle = window[-1][1], median(before)
    return Jump(
        value=value,
        usual=middle,
        factor=value / middle if middle else math.inf,
        spreads=spreads,
        values=len(before),
        since=window[0][0],
        hint=abs(spreads) < bar.spreads,
    )


def _spread(logs: Sequence[float], usual: float, *, counts: bool) -> float:
    """Return the spread of logarithms; that of a few values is a poor guess and is drawn to the expected."""
    seen = deviation(logs)
    weight = PRIOR_VALUES + len(logs)
    spread = math.sqrt((PRIOR_VALUES * PRIOR_SPREAD**2 + len(logs) * seen**2) / weight)
    # Counts scatter by their root.
    return math.hypot(spread, 1 / math.sqrt(max(1.0, math.expm1(usual)))) if counts else spread
