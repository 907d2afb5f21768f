"""The occasions on which a job ran: what its runs under one parent run did together counts once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from graph.store.history import JobRun


@dataclass(frozen=True, slots=True)
class Occasion:
    """The runs of one job under one parent run, or one run: mapped tasks do one piece of work together."""

    runs: Sequence[JobRun]

    @property
    def ended(self) -> datetime:
        """When the last of them ended."""
        return max(ended(run) for run in self.runs)

    @property
    def last(self) -> JobRun:
        """The run that ended last."""
        return max(self.runs, key=lambda run: (ended(run), run.run_id))

    @property
    def seconds(self) -> float | None:
        """How long they took, from the first start to the last end; None where that is not known."""
        started = [run.started for run in self.runs if run.started is not None]
        if not started or any(run.ended is None for run in self.runs):
            return None
        taken = (self.ended - min(started)).total_seconds()
        return taken if taken >= 0 else None

    @property
    def read(self) -> frozenset[int]:
        """The datasets that they read."""
        return frozenset().union(*(run.read for run in self.runs))

    @property
    def wrote(self) -> frozenset[int]:
        """The datasets that they wrote."""
        return frozenset(key for run in self.runs for key in run.wrote)

    def rows(self, dataset: int) -> int | None:
        """How many rows they wrote to a dataset; None where one of those that wrote it does not say."""
        return _sum(run.wrote[dataset].rows for run in self.runs if dataset in run.wrote)

    def size(self, dataset: int) -> int | None:
        """How many bytes they wrote to a dataset, as `rows`."""
        return _sum(run.wrote[dataset].size for run in self.runs if dataset in run.wrote)


def occasions(runs: Iterable[JobRun]) -> list[Occasion]:
    """Return the occasions of these runs of one job, in the order of their ends."""
    found: dict[str, list[JobRun]] = defaultdict(list)
    for run in runs:
        found[group(run)].append(run)
    return sorted(map(Occasion, found.values()), key=lambda one: (one.ended, one.last.run_id))


def group(run: JobRun) -> str:
    """Return what the runs of an occasion share: the id of the run above them, else the run's own."""
    return run.parent_run_id or run.run_id


def ended(run: JobRun) -> datetime:
    """Return when a run ended or, while that is not known, when it began."""
    return run.ended or run.began


def _sum(counts: Iterable[int | None]) -> int | None:
    total, told = 0, False
    for each in counts:
        if each is None:
            return None
        total, told = total + each, True
    return total if told else None
