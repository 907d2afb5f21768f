"""What a job did, and from when on there is enough of it to say what is usual."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from graph.queries.checking.sensitivity import LEAST_RUNS, LEAST_TIME
from graph.queries.occasions import Occasion, group, occasions
from graph.records import RunState
from graph.store.history import JobRun

RUNS = 2_000
"""How many runs of a job are looked at, the latest ones."""


@dataclass(frozen=True, slots=True)
class JobTimes:
    """When the occasions of a job ended that completed, in order.

    `warm` is the place of the first one that can be judged by those before it: it is the number of all of
    them where the next one will be the first, and None where there is not enough history for that.
    """

    times: Sequence[datetime]
    warm: int | None

    def first_in(self, since: datetime) -> int:
        """Return the place of the first occasion to judge that ended from a time on; past the end if none."""
        if self.warm is None:
            return len(self.times)
        return max(self.warm, sum(time < since for time in self.times))

    def known_by(self, time: datetime) -> int | None:
        """Return how many occasions had ended by a time; None where that was too little to go by."""
        before = sum(each < time for each in self.times)
        return None if self.warm is None or before < self.warm else before


def times_of(done: Sequence[Occasion]) -> JobTimes:
    """Return when these occasions ended."""
    times = [each.ended for each in done]
    return JobTimes(times, enough(times))


def enough(times: Sequence[datetime]) -> int | None:
    """Return how many of these times it takes to say what is usual; None where they are too few.

    Of a job that runs every few minutes a full list of runs is enough, however short a time that is.
    """
    places = range(LEAST_RUNS, len(times) + 1)
    return next(
        (each for each in places if each >= RUNS - 1 or times[each - 1] - times[0] >= LEAST_TIME), None
    )


def completed(runs: Iterable[JobRun]) -> list[Occasion]:
    """Return the occasions of a job that completed, but for those of which a run is still under way."""
    runs = list(runs)
    going = {group(run) for run in runs if run.state is RunState.RUNNING}
    return occasions(run for run in runs if run.state is RunState.COMPLETE and group(run) not in going)
