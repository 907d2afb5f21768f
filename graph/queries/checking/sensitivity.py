"""How unusual something has to be: three words, and what each means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from graph.queries.diagnosis.statistics import Bar

LEAST_RUNS = 7
"""How many completed runs it takes to say what is usual of a job."""

LEAST_TIME = timedelta(days=14)
"""How long its history has to be: two of each weekday."""


class Sensitivity(StrEnum):
    """How unusual something has to be; docs/checking.md has the table of what each means."""

    LOW = "low"
    DEFAULT = "default"
    HIGH = "high"

    @property
    def bars(self) -> Bars:
        """What is held against what is seen."""
        return _BARS[self]


@dataclass(frozen=True, slots=True)
class Bars:
    """What is held against what is seen.

    `volume`, `duration`: how far one is off. `late_factor`, `late_spreads`: how late a run is, in usual
    intervals and in spreads beyond one. `new`: what was not seen before is unusual where news come in less
    than this share of the runs. `gone`: an edge that was never missing is, where that chance is smaller;
    `gone_sometimes`: the same of one that was missing before, for all runs on end that lack it.
    """

    volume: Bar
    duration: Bar
    late_factor: float
    late_spreads: float
    new: float
    gone: float
    gone_sometimes: float


_BARS = {
    Sensitivity.LOW: Bars(
        volume=Bar(6.0, math.log(2.0), math.log(3.0)),
        duration=Bar(6.0, math.log(2.0), math.log(4.0)),
        late_factor=2.0,
        late_spreads=8.0,
        new=0.04,
        gone=0.01,
        gone_sometimes=0.0002,
    ),
    Sensitivity.DEFAULT: Bars(
        volume=Bar(4.0, math.log(1.5), math.log(2.0)),
        duration=Bar(4.5, math.log(1.5), math.log(2.5)),
        late_factor=1.5,
        late_spreads=6.0,
        new=0.08,
        gone=0.03,
        gone_sometimes=0.001,
    ),
    Sensitivity.HIGH: Bars(
        volume=Bar(3.0, math.log(1.3), math.log(1.5)),
        duration=Bar(3.0, math.log(1.3), math.log(1.8)),
        late_factor=1.25,
        late_spreads=5.0,
        new=0.16,
        gone=0.08,
        gone_sometimes=0.005,
    ),
}


def chance(times: int, of: int) -> float:
    """Return how likely it is that something happens that was seen so many times of so many, never 0."""
    return (times + 0.5) / (of + 1)
