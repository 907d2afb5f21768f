"""Who reads a dataset, and who never did before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from graph.queries.checking.job_past import enough
from graph.queries.checking.sensitivity import chance
from graph.store.history import JobRun


@dataclass(frozen=True, slots=True)
class NewReader:
    """A job that reads a dataset, with its first run that did; `readers` did before, in `reads` runs."""

    dataset: int
    job: int
    run: JobRun
    readers: int
    reads: int


@dataclass(slots=True)
class Readers:
    """Every use of datasets that was seen, by dataset; failed runs have read what they name, too."""

    _used: dict[int, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    _read: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    _first: dict[int, dict[int, JobRun]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, job: int, runs: Iterable[JobRun]) -> None:
        """Take in the runs of a job."""
        for run in sorted(runs, key=lambda one: (one.began, one.run_id)):
            for dataset in {*run.read, *run.wrote}:
                self._used[dataset].append(run.began)
            for dataset in run.read:
                self._read[dataset] += 1
                self._first[dataset].setdefault(job, run)

    def new(self, since: datetime, most: float) -> Iterator[NewReader]:
        """Yield the readers that came from a time on to datasets that were long in use without them.

        Where new ones come in more than this share of the reads, one more is usual.
        """
        for dataset, first in self._first.items():
            if all(run.began < since for run in first.values()):
                continue
            used = sorted(self._used[dataset])
            warm = enough(used)
            if warm is None:
                continue
            in_order = sorted(first.items(), key=lambda one: (one[1].began, one[1].run_id))
            later = [(job, run) for job, run in in_order if run.began > used[warm - 1]]
            for came, (job, run) in enumerate(later):
                before = sum(time < run.began for time in used)
                if run.began >= since and chance(came, before) < most:
                    yield NewReader(dataset, job, run, len(in_order) - len(later) + came, before)
